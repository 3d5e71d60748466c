import io
import shutil
import tempfile
from pathlib import Path

import pytest
from PIL import Image, ImageChops

from imgfn.core.faults import ImageTooLarge, InvalidArgument, WatermarkError
from imgfn.core.plan import parse_path
from imgfn.imaging.limits import Limits
from imgfn.imaging.text import fonts
from imgfn.imaging.text.layout import draw_line, set_line
from imgfn.renderpool.client import ProcessRenderer
from tests.operations.drawing import drawn, file_of, made, words
from tests.servers import need

MAIN = Image.new("RGB", (600, 120), "white")
ZENHEI = "wqy-zenhei"


@pytest.fixture(scope="module", autouse=True)
def the_fonts_that_the_texts_are_drawn_with():
    for name in (ZENHEI, "DejaVu Sans", "DejaVu Sans Bold", "Liberation Sans", "Noto Color Emoji"):
        if not fonts.find(name):
            need(name, "apt-get install fonts-wqy-zenhei fonts-dejavu fonts-liberation fonts-noto-color-emoji")


def line(text, font=ZENHEI, size=40):
    return draw_line(set_line(text, font, size), (0, 0, 0))


def width(text, font=ZENHEI):
    return line(text, font).getbbox()[2] - line(text, font).getbbox()[0]


def test_the_default_font_is_there_and_is_osss():
    assert fonts.find(fonts.DEFAULT)
    assert fonts.find("wqy-zenhei").name == "WenQuanYi Zen Hei"


@pytest.mark.parametrize("text", ["水印图片", "こんにちは", "カタカナ", "안녕하세요", "שלום", "مرحبا", "Ωμέγα", "Жук"])
def test_each_script_is_drawn_with_its_own_glyphs(text):
    glyphs = {character: line(character) for character in set(text)}
    # Missing glyphs would all look alike: an empty box.
    assert len({glyph.tobytes() for glyph in glyphs.values()}) == len(glyphs)
    assert all(glyph.getbbox() for glyph in glyphs.values())


def test_arabic_letters_join():
    # Isolated forms of these letters are wider than the word.
    assert width("بيت") < 0.8 * sum(width(letter) for letter in "بيت")


def leftmost_width(text):
    """The width of the first piece of ink from the left that a gap ends."""
    ink = line(text).getchannel("A")
    ink = ink.crop(ink.getbbox())
    return next(x for x in range(ink.width) if not ink.crop((x, 0, x + 1, ink.height)).getbbox())


def test_hebrew_reads_from_right_to_left():
    # Shin comes first and stands on the right, so the narrow vav is the leftmost letter.
    assert leftmost_width("שו") == pytest.approx(width("ו"), abs=1)
    assert leftmost_width("וש") == pytest.approx(width("ש"), abs=1)


def runs_of(text, font=ZENHEI):
    return [run for run, _ in set_line(text, font, 40).runs if run.text.strip()]


def test_runs_of_several_fonts_stand_in_reading_order():
    mixed = runs_of("水印 مرحبا 印")
    assert len({run.face for run in mixed}) == 2
    assert [run.text.strip() for run in mixed] == ["水印", "مرحبا", "印"]
    assert [run.text.strip() for run in runs_of("مرحبا 水印 عالم")] == ["عالم", "水印", "مرحبا"]


def test_neighbours_of_two_fonts_that_read_leftward_stand_leftward_too():
    runs = runs_of("on مرحبا שלום", "Liberation Sans")  # which has Hebrew and no Arabic
    assert [run.text.strip() for run in runs] == ["on", "שלום", "مرحبا"]
    assert len({run.face for run in runs}) == 2


def test_emoji_are_in_colour_and_as_high_as_the_text():
    smile = line("😀")
    colours = {pixel[:3] for pixel in smile.convert("RGBA").get_flattened_data() if pixel[3] == 255}
    assert any(red > 200 and green > 150 and blue < 120 for red, green, blue in colours)
    assert 40 <= smile.getbbox()[3] - smile.getbbox()[1] <= 60


@pytest.mark.parametrize("emoji", ["👍🏽", "🇩🇪", "👨‍👩‍👧", "❤️", "1️⃣", "☝🏽", "❤‍🔥"])
def test_emoji_of_several_characters_are_one_picture(emoji):
    assert width(emoji) < 1.3 * width("😀")
    assert [run.face.colour for run, _ in set_line(emoji, ZENHEI, 40).runs] == [True]


def test_a_character_that_no_font_has_is_refused_and_named():
    with pytest.raises(WatermarkError) as caught:
        set_line("a\U00016ad0", ZENHEI, 40)
    assert "\U00016ad0" in caught.value.detail
    assert caught.value.status == 400


def test_a_line_break_is_refused():
    with pytest.raises(InvalidArgument):
        drawn(f"watermark/text_{words('a' + chr(10) + 'b')}", MAIN)


def test_fonts_are_found_by_file_family_or_face_name():
    faces = {fonts.find(name) for name in ("DejaVuSans", "DejaVu Sans", "dejavu-sans", "DEJAVU_SANS")}
    assert len(faces) == 1
    assert fonts.find("DejaVu Sans Bold") not in faces
    assert width("wwww", "DejaVu Sans Bold") > width("wwww", "DejaVu Sans")


def test_an_unknown_font_is_stood_in_for_and_the_note_has_the_nearest_name():
    answer = made(f"watermark/text_{words('a')},type_{words('DejaVu Sanz')}", MAIN)
    assert answer.body == made(f"watermark/text_{words('a')}", MAIN).body
    told = "the font DejaVu Sanz is not installed: WenQuanYi Zen Hei stands in for it (is DejaVu Sans meant?)"
    assert answer.notes == (told,)


def test_osss_fonts_that_are_not_installed_give_way_to_the_default_and_a_note_says_so():
    answer = made(f"watermark/text_{words('水印')},type_{words('fangzhengkaiti')}", MAIN)
    plain = made(f"watermark/text_{words('水印')}", MAIN)
    assert answer.body == plain.body
    assert answer.notes == ("the font fangzhengkaiti is not installed: WenQuanYi Zen Hei stands in for it",)
    assert plain.notes == ()


def test_the_colour_is_the_one_asked_for():
    picture = drawn(f"watermark/text_{words('██')},color_ff8000,g_center,type_{words('DejaVu Sans')}", MAIN)
    assert picture.getpixel((300, 60)) == (255, 128, 0)
    faint = drawn(f"watermark/text_{words('██')},color_ff800080,g_center,type_{words('DejaVu Sans')}", MAIN)
    assert faint.getpixel((300, 60)) == pytest.approx((255, 191, 127), abs=1)


def test_the_size_is_the_height_of_the_letters_em():
    assert abs(line("水", size=400).getbbox()[2] - 10 * line("水", size=40).getbbox()[2]) <= 20
    assert 340 <= line("水", size=400).getbbox()[2] <= 420


def test_the_text_turns_clockwise():
    plan = f"watermark/text_{words('wwwwww')},g_center"
    flat, steep = drawn(plan, Image.new("RGB", (400, 400), "white")), None
    for angle, (across, down) in {90: (False, True), 180: (True, False), 30: (True, True)}.items():
        steep = drawn(f"{plan},rotate_{angle}", Image.new("RGB", (400, 400), "white"))
        left, top, right, bottom = ImageChops.invert(steep.convert("L")).getbbox()
        assert (right - left > 80, bottom - top > 80) == (across, down)
    # Clockwise by 30 degrees the right end is lower than the left one.
    dark = ImageChops.invert(steep.convert("L"))
    assert dark.crop((0, 0, 200, 200)).getbbox()[1] < dark.crop((200, 0, 400, 400)).getbbox()[1]
    assert flat != steep


@pytest.mark.parametrize("shadow", [0, 40, 100])
def test_a_shadow_lies_below_and_to_the_right_and_is_as_dark_as_asked(shadow):
    text = f"text_{words('█')},type_{words('DejaVu Sans')},size_100,color_ffffff,g_nw,x_0,y_0,shadow_{shadow}"
    darkest = drawn(f"watermark/{text}", Image.new("RGB", (200, 200), "white")).convert("L").getextrema()[0]
    assert darkest == pytest.approx(255 * (100 - shadow) / 100, abs=2)


def test_a_text_over_the_limits_is_refused_before_it_is_drawn():
    with pytest.raises(ImageTooLarge):
        drawn(f"watermark/text_{words('水' * 64)},size_1000", MAIN)


@pytest.fixture
def runtime_dir():
    # Not tmp_path: a unix socket's path has at most 107 bytes.
    with tempfile.TemporaryDirectory(prefix="imgfn-test-") as folder:
        yield Path(folder)


def test_a_font_of_a_folder_of_ones_own_is_found_in_the_render_processes(tmp_path, runtime_dir):
    folder = tmp_path / "fonts"
    folder.mkdir()
    shutil.copy(fonts.find("DejaVu Sans Mono").path, folder / "house.ttf")
    (folder / "broken.ttf").write_bytes(b"no font")
    source = io.BytesIO(file_of(MAIN))
    plan, _ = parse_path(f"watermark/text_{words('水印 abc 😀')},type_{words('house')}")
    renderer = ProcessRenderer(
        Limits(),
        runtime_dir=runtime_dir,
        processes=1,
        queue=4,
        seconds=10,
        memory_bytes=1 << 30,
        recycle=50,
        font_dirs=(str(folder),),
    )
    try:
        answer = renderer.render(source, len(source.getvalue()), plan, {})
    finally:
        renderer.close()
    assert ImageChops.difference(Image.open(io.BytesIO(answer.body)).convert("RGB"), MAIN).getbbox()
