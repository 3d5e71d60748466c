"""The unmodified mini-program, and its WeChat form, run by the harness in a real browser against a real server."""

import hashlib
import re
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import ROOT, SMALL, OpenPage
from tests.browser.programs import serve_program
from tests.browser.situations import (
    Chosen,
    draw,
    draw_noise,
    find_overflows,
    find_violations,
    full_queue,
    measure,
    slow_down,
)
from tests.servers import Server, serving

pytestmark = pytest.mark.real

Shoot = Callable[..., None]
PHONE = {"viewport": {"width": 375, "height": 720}, "has_touch": True}
BOTH = pytest.mark.parametrize("platform", ["alipay", "wechat"])


def choose(page: Page, file: Chosen, button: str = "#choose") -> None:
    with page.expect_file_chooser() as dialog:
        page.click(button)
    dialog.value.set_files(file)


def choose_and_see(page: Page, file: Chosen) -> None:
    choose(page, file)
    settle(page)


def settle(page: Page) -> None:
    expect(page.locator("#facts")).to_be_visible()
    expect(page.locator(".stale")).to_have_count(0)


def tap(page: Page, selector: str) -> None:
    page.click(selector)
    settle(page)


def add(page: Page, operation: str) -> None:
    page.select_option("#add select", operation)
    settle(page)


def fault(page: Page) -> str:
    expect(page.locator("#fault")).to_be_visible()
    return page.inner_text("#fault")


def calls(page: Page, name: str) -> list[dict[str, object]]:
    told = page.evaluate("harness.calls.map(({ name, given }) => [name, JSON.parse(JSON.stringify(given))])")
    return [given[0] for called, given in told if called == name]


@BOTH
def test_a_new_user_chooses_rotates_resizes_and_copies_the_url(
    open_page: OpenPage, programs: dict[str, str], server: Server, shoot: Shoot, platform: str
):
    page = open_page(programs[platform], **PHONE)
    shoot(page, "1-empty")
    choose_and_see(page, draw("flow.png", colour="navy"))
    tap(page, "#chip-rotate")
    add(page, "resize")
    shoot(page, "2-result", full_page=True)
    page.click("#copy")
    expect(page.locator("#toast")).to_have_text("URL copied")

    copied = calls(page, "setClipboard" if platform == "alipay" else "setClipboardData")[0]
    url = str(copied["text"] if platform == "alipay" else copied["data"])
    assert re.fullmatch(rf"{server.url}/proc/rotate/10/resize/w_200,h_100/\w+\.png", url)
    assert measure(server, url)[1][1] == 100
    assert re.search(r"\d ms", page.inner_text("#facts"))
    assert page.evaluate("document.getElementById('picture-after').naturalHeight") == 100


@BOTH
def test_steps_are_added_changed_reordered_and_removed(
    open_page: OpenPage, programs: dict[str, str], server: Server, platform: str
):
    page = open_page(programs[platform], **PHONE)
    choose_and_see(page, draw("steps.png"))
    add(page, "resize")
    add(page, "rotate")
    page.get_by_role("button", name="Move rotate up").click()
    page.get_by_role("textbox", name="angle").fill("90")
    page.get_by_role("textbox", name="angle").press("Enter")
    expect(page.locator("#url")).to_contain_text("/proc/rotate/90/resize/w_200,h_100/")
    page.locator(".more >> nth=1").click()
    page.get_by_role("combobox", name="mode").select_option("fixed")
    expect(page.locator("#url")).to_contain_text("m_fixed")
    settle(page)
    assert measure(server, page.inner_text("#url"))[1] == (200, 100)
    page.get_by_role("button", name="Remove rotate").click()
    expect(page.locator(".step")).to_have_count(1)


def test_a_slider_commits_when_it_is_released(open_page: OpenPage, programs: dict[str, str]):
    page = open_page(programs["alipay"], **PHONE)
    choose_and_see(page, draw("slider.png"))
    tap(page, "#chip-rotate")
    before = len(calls(page, "downloadFile"))
    slider = page.get_by_role("slider")
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 10, middle)
    page.mouse.down()
    for share in (0.3, 0.4, 0.5):
        page.mouse.move(box["x"] + box["width"] * share, middle)
    expect(page.get_by_role("textbox", name="angle")).not_to_have_value("10")
    assert len(calls(page, "downloadFile")) == before
    page.mouse.up()
    angle = page.get_by_role("textbox", name="angle").input_value()
    expect(page.locator("#url")).to_contain_text(f"/rotate/{angle}/")
    settle(page)
    assert len(calls(page, "downloadFile")) == before + 1


def test_a_number_out_of_range_becomes_the_nearest_that_is_possible(open_page: OpenPage, programs: dict[str, str]):
    page = open_page(programs["alipay"], **PHONE)
    choose_and_see(page, draw("range.png"))
    tap(page, "#chip-rotate")
    angle = page.get_by_role("textbox", name="angle")
    for typed in ("999", "777"):
        angle.fill(typed)
        angle.blur()
        expect(angle).to_have_value("360")
    expect(page.locator("#url")).to_contain_text("/rotate/360/")


def test_every_operation_of_the_server_has_a_form_that_works(open_page: OpenPage, programs: dict[str, str]):
    page = open_page(programs["alipay"], **PHONE)
    choose_and_see(page, draw("all.png"))
    for name in page.locator("#add option").all_inner_texts():
        page.select_option("#add select", name)
        expect(page.locator(".step")).to_have_count(1)
        if page.locator(".more").count():
            page.click(".more")
        expect(page.locator(".harness-page [role=status]")).to_have_count(0)
        expect(page.locator("#fault")).to_be_hidden()
        page.get_by_role("button", name=f"Remove {name}").click()
        expect(page.locator(".step")).to_have_count(0)


def test_a_report_is_shown_in_words(open_page: OpenPage, programs: dict[str, str], shoot: Shoot):
    page = open_page(programs["alipay"], **PHONE)
    choose_and_see(page, draw("report.png"))
    add(page, "info")
    expect(page.locator("#report")).to_contain_text("ImageWidth")
    shoot(page)


@BOTH
def test_closing_the_album_is_silent(open_page: OpenPage, programs: dict[str, str], platform: str):
    page = open_page(programs[platform], **PHONE)
    with page.expect_file_chooser() as dialog:
        page.click("#choose")
    dialog.value.element.dispatch_event("cancel")
    expect(page.locator("#choose")).to_be_visible()
    expect(page.locator("#fault")).to_be_hidden()
    assert calls(page, "showToast") == []


@BOTH
def test_a_refused_permission_is_told(open_page: OpenPage, programs: dict[str, str], shoot: Shoot, platform: str):
    page = open_page(programs[platform] + "&permission=refused", **PHONE)
    page.click("#choose")
    assert "permission was refused" in fault(page)
    shoot(page)


@BOTH
def test_a_slow_upload_shows_its_percent_and_can_be_cancelled_and_tried_again(
    open_page: OpenPage, programs: dict[str, str], shoot: Shoot, platform: str
):
    page = open_page(programs[platform], **PHONE)
    slow_down(page, 150_000)
    choose(page, draw_noise("slow.png", (700, 600)))
    expect(page.locator("#uploading [role=status]")).to_have_text(re.compile(r"^Uploading [1-9]\d?%$"))
    expect(page.locator("#picture-before")).to_be_visible()  # the local picture at once
    shoot(page, "1-uploading")
    page.click("#cancel")
    expect(page.locator("#fault")).to_contain_text("Upload cancelled")
    shoot(page, "2-cancelled")
    slow_down(page, -1)
    page.click("#retry")
    settle(page)


@pytest.mark.parametrize("errors", ["success", "fail"])
@BOTH
def test_refused_files_are_told_in_plain_words(
    open_page: OpenPage, programs: dict[str, str], shoot: Shoot, platform: str, errors: str
):
    page = open_page(f"{programs[platform]}&errors={errors}", **PHONE)
    choose(page, draw_noise("large.png", (2000, 1500)))
    assert "larger than the server takes" in fault(page)
    expect(page.locator("#retry")).to_be_hidden()
    shoot(page, "413")
    choose(page, {"name": "x.png", "mimeType": "image/png", "buffer": b"only words"}, "#other")
    expect(page.locator("#fault")).to_contain_text("not a picture that the server can read")
    assert re.search(r"Request \S{8,}", fault(page))
    shoot(page, "415")


def test_a_taken_name_is_told(open_page: OpenPage, programs: dict[str, str], server: Server, shoot: Shoot):
    mine, other = draw("mine.png", colour="orchid"), draw("other.png", colour="olive")
    key = hashlib.sha256(mine["buffer"]).hexdigest() + ".png"
    assert server.ask(f"/upload/{key}", "PUT", other["buffer"]).status == 201
    page = open_page(programs["alipay"], **PHONE)
    choose(page, mine)
    assert "already has this name" in fault(page)
    shoot(page)


@pytest.mark.parametrize("errors", ["success", "fail"])
def test_a_busy_server_is_told_and_another_try_succeeds(
    open_page: OpenPage, programs: dict[str, str], server: Server, shoot: Shoot, errors: str
):
    page = open_page(f"{programs['alipay']}&errors={errors}", **PHONE)
    choose_and_see(page, draw(f"busy-{errors}.png", colour="sienna" if errors == "fail" else "khaki"))
    with full_queue(server):
        page.click("#chip-rotate")
        assert "The server is busy" in fault(page)
        shoot(page)
    page.click("#retry")
    expect(page.locator("#fault")).to_be_hidden()
    settle(page)


@BOTH
def test_a_cut_network_is_told_and_the_file_is_kept_for_another_try(
    open_page: OpenPage, programs: dict[str, str], shoot: Shoot, platform: str
):
    page = open_page(programs[platform], **PHONE)
    page.context.set_offline(True)
    choose(page, draw("offline.png"))
    assert "cannot be reached" in fault(page)
    shoot(page)
    page.context.set_offline(False)
    page.click("#retry")
    settle(page)


def test_a_restarted_server_goes_on_where_it_was(open_page: OpenPage, tmp_path: Path):
    with serving(tmp_path, **SMALL) as first, serve_program(ROOT / "miniprogram", first.url) as program:
        page = open_page(program, **PHONE)
        choose_and_see(page, draw("restart.png"))
        first.stop(signal.SIGQUIT)  # at once
        page.click("#chip-rotate")
        assert "cannot be reached" in fault(page)
        with serving(tmp_path, **SMALL | {"port": str(first.port)}):
            page.click("#retry")
            expect(page.locator("#fault")).to_be_hidden()
            settle(page)


def test_a_server_that_is_away_at_the_start_is_asked_again(open_page: OpenPage, tmp_path: Path, shoot: Shoot):
    with serving(tmp_path, **SMALL) as first, serve_program(ROOT / "miniprogram", first.url) as program:
        first.stop(signal.SIGQUIT)
        page = open_page(program, **PHONE)
        assert "cannot be reached" in fault(page)
        shoot(page)
        with serving(tmp_path, **SMALL | {"port": str(first.port)}):
            page.click("#retry")
            expect(page.locator("#fault")).to_be_hidden()
            choose_and_see(page, draw("later.png"))


@BOTH
def test_the_gallery_keeps_what_was_uploaded_and_takes_one_up_again(
    open_page: OpenPage, programs: dict[str, str], shoot: Shoot, platform: str
):
    page = open_page(programs[platform], **PHONE)
    page.click("#open-gallery")
    expect(page.locator("#empty")).to_be_visible()
    shoot(page, "empty")
    page.click("#back")
    choose_and_see(page, draw("one.png", colour="tomato"))
    first = page.inner_text("#url")
    choose(page, draw("two.png", colour="gold"), "#choose-another")
    settle(page)
    expect(page.locator("#url")).not_to_have_text(first)
    page.reload()
    page.wait_for_selector("body[data-ready]")
    page.click("#open-gallery")
    expect(page.locator(".thumbnail")).to_have_count(2)
    shoot(page)
    page.locator(".thumbnail").nth(1).click()
    expect(page.locator("#url")).to_have_text(first)
    page.click("#open-gallery")
    page.locator(".forget").first.click()
    expect(page.locator(".thumbnail")).to_have_count(1)


@BOTH
def test_the_result_is_saved_and_previewed_the_phones_way(open_page: OpenPage, programs: dict[str, str], platform: str):
    page = open_page(programs[platform], **PHONE)
    choose_and_see(page, draw("save.png"))
    page.click("#save")
    expect(page.locator("#toast")).to_have_text("Saved to the album")
    saved = calls(page, "saveImageToPhotosAlbum")[0]["filePath"]
    assert saved == page.get_attribute("#picture-after", "src")
    page.click("#picture-after")
    previewed = calls(page, "previewImage")[0]
    url = page.inner_text("#url")
    assert previewed == {"current": 0 if platform == "alipay" else url, "urls": [url]}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 390])
def test_axe_finds_nothing_and_nobody_scrolls_sideways(
    open_page: OpenPage, programs: dict[str, str], shoot: Shoot, scheme: str, width: int
):
    page = open_page(
        programs["alipay"], **PHONE | {"color_scheme": scheme, "viewport": {"width": width, "height": 680}}
    )
    assert find_violations(page) == []
    choose_and_see(page, draw("axe.png"))
    tap(page, "#chip-rotate")
    add(page, "resize")
    for more in page.locator(".more").all():
        more.click()
    assert find_violations(page) == []
    assert find_overflows(page) == []
    shoot(page, full_page=True)
    page.click("#open-gallery")
    expect(page.locator(".thumbnail")).to_have_count(1)
    assert find_violations(page) == []


def test_the_page_speaks_chinese_and_grows_with_the_phones_text(
    open_page: OpenPage, programs: dict[str, str], shoot: Shoot
):
    page = open_page(programs["alipay"] + "&text=24", **PHONE | {"locale": "zh-CN", "color_scheme": "dark"})
    expect(page.locator("#choose")).to_have_text("选择图片")
    assert page.evaluate("parseFloat(getComputedStyle(document.getElementById('choose')).fontSize)") > 24
    choose_and_see(page, draw("zh.png"))
    tap(page, "#chip-rotate")
    assert "毫秒" in page.inner_text("#facts")
    expect(page.get_by_role("slider", name="角度 10 度")).to_be_visible()
    assert find_overflows(page) == []
    shoot(page, full_page=True)
    choose(page, {"name": "x.png", "mimeType": "image/png", "buffer": b"x"}, "#choose-another")
    assert "不是服务器能读取的图片" in fault(page)
