"""The playground in a real browser, against a real server."""

import re
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, TimeoutError, expect

from tests.browser.conftest import SMALL, OpenPage
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


def choose(page: Page, file: Chosen) -> None:
    page.set_input_files("#file", file)


def choose_and_see(page: Page, file: Chosen) -> None:
    choose(page, file)
    expect(page.locator("#panel")).to_be_visible()
    settle(page)


def settle(page: Page) -> None:
    expect(page.locator("#frames")).not_to_have_attribute("aria-busy", "true")
    expect(page.locator("#facts")).to_be_visible()


def add(page: Page, operation: str) -> None:
    page.select_option("#operations", operation)
    page.click("#add")
    settle(page)


def result_url(page: Page) -> str:
    return page.inner_text("#url")


def step_names(page: Page) -> list[str]:
    return [re.sub(r"^\d+\s*", "", title) for title in page.locator(".step h3").all_inner_texts()]


def fault(page: Page) -> str:
    expect(page.locator("#fault strong")).to_be_visible()
    return page.inner_text("#fault")


def test_a_new_user_chooses_rotates_resizes_and_copies_the_url(open_page: OpenPage, server: Server, shoot: Shoot):
    page = open_page(server.url, permissions=["clipboard-read", "clipboard-write"])
    shoot(page, "1-empty")
    with page.expect_file_chooser() as dialog:
        page.get_by_role("button", name="Choose a picture").click()
    dialog.value.set_files(draw("flow.png"))
    settle(page)
    page.get_by_role("button", name="Rotate", exact=True).click()
    settle(page)
    add(page, "resize")
    shoot(page, "2-result")
    page.get_by_role("button", name="Copy URL").click()

    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == f"{server.url}/proc/rotate/10/resize/w_200,h_100/flow.png"
    assert measure(server, copied)[1][1] == 100
    expect(page.locator("#said")).to_have_text("URL copied")


def test_the_result_shows_before_and_after_with_size_format_and_time(open_page: OpenPage, server: Server, shoot: Shoot):
    page = open_page(server.url)
    choose_and_see(page, draw("facts.png", (300, 200)))
    add(page, "resize")
    facts = page.inner_text("#facts")
    assert re.search(r"\d+(\.\d)? (KB|B)", facts)
    assert "PNG" in facts
    assert "150 × 100" in facts
    assert re.search(r"\d ms just made", facts)
    page.click("[data-view=both]")
    expect(page.locator("#before")).to_be_visible()
    expect(page.locator("#after")).to_be_visible()
    assert page.evaluate("[before.naturalWidth, after.naturalWidth]") == [300, 150]
    shoot(page)
    page.click("[data-view=before]")
    expect(page.locator("#after")).to_be_hidden()


def test_steps_are_added_changed_reordered_and_removed(open_page: OpenPage, server: Server, shoot: Shoot):
    page = open_page(server.url)
    choose_and_see(page, draw("steps.png"))
    add(page, "resize")
    add(page, "rotate")
    page.get_by_role("button", name="Move rotate up").click()
    settle(page)
    assert step_names(page) == ["rotate", "resize"]
    page.get_by_role("spinbutton", name="angle").fill("90")
    page.get_by_role("spinbutton", name="angle").blur()
    settle(page)
    assert result_url(page).endswith("/proc/rotate/90/resize/w_200,h_100/steps.png")
    assert measure(server, result_url(page))[1] == (67, 100)
    shoot(page, full_page=True)
    page.get_by_role("button", name="Remove rotate").click()
    settle(page)
    assert result_url(page).endswith("/proc/resize/w_200,h_100/steps.png")


def test_a_slider_commits_when_it_is_released(open_page: OpenPage, server: Server):
    page = open_page(server.url)
    choose_and_see(page, draw("slider.png"))
    page.click("[data-preset=rotate]")
    settle(page)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/proc/" in request.url else None)
    slider = page.get_by_role("slider", name="angle")
    box = slider.bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 12, middle)
    page.mouse.down()
    for share in (0.2, 0.35, 0.5):
        page.mouse.move(box["x"] + box["width"] * share, middle)
    assert asked == []
    expect(page.get_by_role("spinbutton", name="angle")).not_to_have_value("10")
    page.mouse.up()
    settle(page)
    assert len(asked) == 1
    angle = page.get_by_role("spinbutton", name="angle").input_value()
    assert f"/rotate/{angle}/" in asked[0]


def test_a_chip_adds_its_steps_and_takes_them_away(open_page: OpenPage, server: Server):
    page = open_page(server.url)
    choose_and_see(page, draw("chip.png"))
    chip = page.get_by_role("button", name="Thumbnail")
    chip.click()
    settle(page)
    expect(chip).to_have_attribute("aria-pressed", "true")
    assert measure(server, result_url(page))[1] == (200, 200)
    chip.click()
    settle(page)
    assert result_url(page) == f"{server.url}/proc/chip.png"


def test_every_operation_of_the_server_has_a_form_that_works(open_page: OpenPage, server: Server, shoot: Shoot):
    page = open_page(server.url)
    choose_and_see(page, draw("all.png"))
    names = page.evaluate(
        "fetch('/operations.json').then((r) => r.json()).then((d) => d.operations.map((o) => o.name))"
    )
    assert page.eval_on_selector_all("#operations option", "all => all.map((o) => o.value)").sort() == names.sort()
    for name in names:
        add(page, name)
        assert page.inner_text("#fault") == "", name
        expect(page.locator(".step")).to_have_count(1)
        page.locator(".step details").evaluate_all("all => all.forEach((one) => (one.open = true))")
        assert page.locator(".step .field").count() == page.evaluate(
            "name => fetch('/operations.json').then((r) => r.json())"
            ".then((d) => d.operations.find((o) => o.name === name).parameters.length)",
            name,
        )
        page.get_by_role("button", name=f"Remove {name}").click()
        settle(page)


def test_a_report_is_shown_in_words_and_stays_the_last_step(open_page: OpenPage, server: Server, shoot: Shoot):
    page = open_page(server.url)
    choose_and_see(page, draw("report.png"))
    add(page, "info")
    add(page, "resize")
    assert step_names(page) == ["resize", "info"]
    expect(page.locator("#report")).to_contain_text("ImageWidth")
    shoot(page)


def test_a_format_that_the_browser_cannot_show_is_shown_as_jpeg_and_told(
    open_page: OpenPage, server: Server, shoot: Shoot
):
    page = open_page(server.url)
    choose_and_see(page, draw("scan.tiff", format="TIFF"))
    expect(page.locator("#report")).to_contain_text("cannot show TIFF")
    page.click("[data-view=both]")
    expect(page.locator("#before")).to_have_js_property("naturalWidth", 300)
    shoot(page)
    # The browser may find out only after the upload has been answered.
    page.evaluate("document.getElementById('before').src = URL.createObjectURL(new Blob(['no picture']))")
    expect(page.locator("#before")).to_have_js_property("naturalWidth", 300)
    page.click("[data-preset=webp]")
    settle(page)
    expect(page.locator("#after")).to_have_js_property("naturalWidth", 300)


def test_a_wrong_setting_is_told_at_its_field(open_page: OpenPage, server: Server, shoot: Shoot):
    page = open_page(server.url)
    choose_and_see(page, draw("wrong.png"))
    add(page, "resize")
    for name in ("w", "h"):
        page.locator(f"[data-key={name}] input[type=number]").fill("")
        page.locator(f"[data-key={name}] input[type=number]").blur()
    told = fault(page)
    assert "A setting is missing" in told
    assert "Request" in told
    width = page.locator("[data-key=w] input[type=number]")
    expect(width).to_have_attribute("aria-invalid", "true")
    shoot(page)
    width.fill("20")
    width.blur()
    expect(page.locator("#fault strong")).to_be_hidden()
    expect(width).not_to_have_attribute("aria-invalid", "true")


def test_closing_the_dialog_changes_nothing(open_page: OpenPage, server: Server):
    page = open_page(server.url)
    choose(page, draw("kept.png"))
    settle(page)
    page.set_input_files("#file", [])
    assert result_url(page).endswith("/proc/kept.png")
    assert page.inner_text("#fault") == ""


def test_a_slow_upload_shows_its_percent_and_can_be_cancelled_and_tried_again(
    open_page: OpenPage, server: Server, shoot: Shoot
):
    page = open_page(server.url)
    slow_down(page, 150_000)
    choose(page, draw_noise("slow.png", (700, 600)))
    expect(page.locator("#progress-text")).to_have_text(re.compile(r"^Uploading [1-9]\d?%$"))
    expect(page.locator("#before")).to_be_visible()  # the local picture at once
    shoot(page, "1-uploading")
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#fault")).to_contain_text("Upload cancelled")
    shoot(page, "2-cancelled")
    slow_down(page, -1)
    page.get_by_role("button", name="Try again").click()
    settle(page)
    assert result_url(page).endswith("/proc/slow.png")


def test_a_file_that_is_too_large_is_told_in_plain_words(open_page: OpenPage, server: Server, shoot: Shoot):
    page = open_page(server.url)
    choose(page, draw_noise("large.png", (2000, 1500)))
    told = fault(page)
    assert "larger than the server takes" in told
    assert "Try again" not in told
    assert "Choose another" in told
    shoot(page)


def test_a_file_that_is_no_picture_is_told_in_plain_words(open_page: OpenPage, server: Server, shoot: Shoot):
    page = open_page(server.url)
    choose(page, {"name": "notes.png", "mimeType": "image/png", "buffer": b"only words"})
    told = fault(page)
    assert "not a picture that the server can read" in told
    assert re.search(r"Request \S{8,}", told)
    shoot(page)


def test_a_taken_name_can_be_changed(open_page: OpenPage, server: Server, shoot: Shoot):
    choose_and_see(open_page(server.url), draw("taken.png", colour="red"))
    page = open_page(server.url)
    choose(page, draw("taken.png", colour="blue"))
    assert "already has this name" in fault(page)
    shoot(page)
    page.get_by_role("button", name="Upload under a new name").click()
    settle(page)
    assert re.search(r"/proc/\w{16,}\.png$", result_url(page))


def test_a_busy_server_is_told_and_another_try_succeeds(open_page: OpenPage, server: Server, shoot: Shoot):
    page = open_page(server.url)
    choose_and_see(page, draw("busy.png"))
    with full_queue(server):
        page.click("[data-preset=rotate]")
        assert "The server is busy" in fault(page)
        shoot(page)
    page.get_by_role("button", name="Try again").click()
    settle(page)
    expect(page.locator("#fault strong")).to_be_hidden()


def test_a_cut_network_is_told_and_the_file_is_kept_for_another_try(open_page: OpenPage, server: Server, shoot: Shoot):
    page = open_page(server.url)
    page.context.set_offline(True)
    choose(page, draw("offline.png"))
    assert "cannot be reached" in fault(page)
    shoot(page)
    page.context.set_offline(False)
    page.get_by_role("button", name="Try again").click()
    settle(page)
    assert result_url(page).endswith("/proc/offline.png")


def test_a_restarted_server_goes_on_where_it_was(open_page: OpenPage, tmp_path: Path):
    with serving(tmp_path, **SMALL) as first:
        page = open_page(first.url)
        choose_and_see(page, draw("restart.png"))
        first.stop(signal.SIGQUIT)  # at once
        page.click("[data-preset=rotate]")
        assert "cannot be reached" in fault(page)
        with serving(tmp_path, **SMALL | {"port": str(first.port)}):
            page.get_by_role("button", name="Try again").click()
            settle(page)
            assert result_url(page).endswith("/proc/rotate/10/restart.png")


def test_a_token_is_asked_for_where_the_server_wants_one(open_page: OpenPage, tmp_path: Path, shoot: Shoot):
    with serving(tmp_path, **SMALL | {"upload_token": "open-sesame-0123456789"}) as guarded:
        page = open_page(guarded.url)
        choose(page, draw("token.png"))
        assert "wants a token" in fault(page)
        shoot(page)
        page.get_by_label("Upload token").fill("open-sesame-0123456789")
        page.get_by_role("button", name="Try again").click()
        settle(page)
        assert result_url(page).endswith("/proc/token.png")


def test_the_pictures_of_this_person_are_listed_after_a_reload(open_page: OpenPage, server: Server, shoot: Shoot):
    page = open_page(server.url)
    for name, colour in (("one.png", "tomato"), ("two.png", "gold")):
        choose_and_see(page, draw(name, colour=colour))
    page.reload()
    page.get_by_role("button", name="Use one.png").click()
    settle(page)
    assert result_url(page).endswith("/proc/one.png")
    shoot(page, full_page=True)
    page.get_by_role("button", name="Take two.png off the list").click()
    page.reload()
    expect(page.get_by_role("button", name="Use one.png")).to_be_visible()
    expect(page.get_by_role("button", name="Use two.png")).to_have_count(0)


def test_a_picture_can_be_dropped_or_pasted(open_page: OpenPage, server: Server, shoot: Shoot):
    page = open_page(server.url)
    page.evaluate(
        """async () => {
          const blob = await (await fetch("/playground/sample.png")).blob();
          window.carried = new DataTransfer();
          carried.items.add(new File([blob], "dropped.png", { type: "image/png" }));
          const options = { dataTransfer: carried, bubbles: true, cancelable: true };
          window.drag = (type) => document.body.dispatchEvent(new DragEvent(type, options));
          drag("dragover");
        }"""
    )
    shoot(page, "dropping")
    page.evaluate("drag('drop')")
    settle(page)
    assert result_url(page).endswith("/proc/dropped.png")
    page.evaluate("document.dispatchEvent(new ClipboardEvent('paste', { clipboardData: carried, bubbles: true }))")
    expect(page.locator("#url")).not_to_contain_text("dropped.png")
    settle(page)
    assert re.search(r"/proc/\w{16,}\.png$", result_url(page))


def test_a_sample_picture_is_at_hand(open_page: OpenPage, server: Server):
    page = open_page(server.url)
    page.get_by_role("button", name="Use a sample picture").click()
    settle(page)
    assert measure(server, result_url(page))[1] == (512, 512)


def test_the_qr_code_follows_the_result(open_page: OpenPage, server: Server, shoot: Shoot):
    page = open_page(server.url)
    choose_and_see(page, draw("qr.png"))
    page.get_by_role("button", name="QR code").click()
    expect(page.locator("#qr-image")).to_have_js_property("complete", True)
    assert page.evaluate("document.getElementById('qr-image').naturalWidth") > 0
    first = page.get_attribute("#qr-image", "src")
    page.click("[data-preset=rotate]")
    settle(page)
    assert page.get_attribute("#qr-image", "src") != first
    shoot(page, full_page=True)


def test_the_saved_file_has_the_results_name_format_and_bytes(open_page: OpenPage, server: Server):
    page = open_page(server.url)
    choose_and_see(page, draw("save.png"))
    page.click("[data-preset=webp]")
    settle(page)
    with page.expect_download() as download:
        page.click("#save")
    assert download.value.suggested_filename == "save.webp"
    assert Path(download.value.path()).read_bytes()[8:12] == b"WEBP"


def test_everything_can_be_done_with_the_keyboard_alone(open_page: OpenPage, server: Server, shoot: Shoot):
    page = open_page(server.url, permissions=["clipboard-read", "clipboard-write"])
    page.bring_to_front()
    tab_to(page, "#choose")
    press_for_file(page, draw("keys.png"))
    settle(page)
    tab_to(page, "#chips button")
    page.keyboard.press("Space")
    settle(page)
    tab_to(page, ".step input[type=range]")
    shoot(page)
    page.keyboard.press("ArrowRight")
    settle(page)
    tab_to(page, "#operations")
    page.keyboard.type("resize")
    tab_to(page, "#add")
    page.keyboard.press("Enter")
    settle(page)
    assert page.evaluate("document.activeElement.closest('.step h3, .step').id") == page.locator(".step").nth(
        1
    ).get_attribute("id")
    page.locator(".step").nth(1).get_by_role("button", name="Move resize up").focus()
    page.keyboard.press("Enter")
    settle(page)
    assert step_names(page) == ["resize", "rotate"]
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Move resize down"
    tab_to(page, "#copy")
    page.keyboard.press("Enter")
    expect(page.locator("#said")).to_have_text("URL copied")
    assert page.evaluate("navigator.clipboard.readText()").endswith("/proc/resize/w_200,h_100/rotate/11/keys.png")


def press_for_file(page: Page, file: Chosen) -> None:
    """Press Enter until the dialog for a file opens: headless Chromium swallows some after many pages."""
    for attempt in range(4):
        try:
            with page.expect_file_chooser(timeout=2500) as dialog:
                page.keyboard.press("Enter")
        except TimeoutError:
            assert attempt < 3, "Enter opens no dialog"
        else:
            dialog.value.set_files(file)
            return


def tab_to(page: Page, selector: str) -> None:
    """Press Tab until the focus is there, as a person does; it has to be within reach and visible."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            assert page.evaluate("document.activeElement.matches(':focus-visible')")
            return
    raise AssertionError(f"the keyboard does not reach {selector}")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1280])
def test_axe_finds_nothing_and_nobody_scrolls_sideways(
    open_page: OpenPage, server: Server, shoot: Shoot, scheme: str, width: int
):
    page = open_page(server.url, color_scheme=scheme, viewport={"width": width, "height": 720})
    assert find_violations(page) == []
    shoot(page, "1-empty")
    choose_and_see(page, draw("axe.png"))
    page.click("[data-preset=rotate]")
    settle(page)
    add(page, "resize")
    page.locator(".step details").evaluate_all("all => all.forEach((one) => (one.open = true))")
    page.click("#qr-toggle")
    page.click("[data-view=both]")
    assert find_violations(page) == []
    assert find_overflows(page) == []
    shoot(page, "2-steps", full_page=True)
    choose(page, {"name": "x.png", "mimeType": "image/png", "buffer": b"x"})
    fault(page)
    assert find_violations(page) == []
    assert find_overflows(page) == []
    shoot(page, "3-fault", full_page=True)


def test_the_page_speaks_chinese_where_the_system_does(open_page: OpenPage, server: Server, shoot: Shoot):
    page = open_page(server.url, locale="zh-CN", viewport={"width": 390, "height": 844}, color_scheme="dark")
    expect(page.get_by_role("button", name="选择图片")).to_be_visible()
    assert page.evaluate("document.documentElement.lang") == "zh"
    choose_and_see(page, draw("zh.png"))
    page.get_by_role("button", name="旋转").click()
    settle(page)
    assert "毫秒" in page.inner_text("#facts")
    expect(page.get_by_role("slider", name="角度")).to_be_visible()
    shoot(page, full_page=True)
    choose(page, {"name": "x.png", "mimeType": "image/png", "buffer": b"x"})
    assert "不是服务器能读取的图片" in fault(page)
    shoot(page, "fault", full_page=True)


def test_the_page_is_small_and_asks_no_other_host(open_page: OpenPage, server: Server):
    page = open_page(server.url)
    sizes = page.evaluate(
        "performance.getEntriesByType('resource').concat(performance.getEntriesByType('navigation'))"
        ".map((entry) => [entry.name, entry.transferSize])"
    )
    assert all(name.startswith(server.url) for name, _ in sizes)
    assert len(sizes) > 8
    assert sum(size for _, size in sizes) < 150_000
