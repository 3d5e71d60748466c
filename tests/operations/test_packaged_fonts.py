"""Text on a machine that has no font, no fribidi or neither."""

import io
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from PIL import Image, ImageChops

from imgfn.core.faults import WatermarkError
from imgfn.core.plan import parse_path
from imgfn.imaging.limits import Limits
from imgfn.imaging.text import fonts
from imgfn.imaging.text.layout import draw_line, set_line
from imgfn.renderpool.client import ProcessRenderer
from tests.operations.drawing import file_of, made, words
from tests.servers import ROOT, need

MAIN = Image.new("RGB", (600, 120), "white")
STOOD_IN = "the font {} is not installed: imgfn Sans stands in for it"
SOURCES = ("opentype/noto/NotoSansCJK-Regular.ttc", "truetype/noto/NotoSans-Regular.ttf")


def forget():
    for cache in (fonts._files, fonts.faces, fonts.shapes, fonts._opened):
        cache.cache_clear()


@pytest.fixture
def no_fonts(monkeypatch):
    monkeypatch.setattr(fonts, "_folders", ())
    forget()
    yield
    forget()


@pytest.fixture
def no_raqm(monkeypatch):
    forget()
    monkeypatch.setattr(fonts, "shapes", lambda: False)
    fonts._opened.cache_clear()
    yield
    monkeypatch.undo()
    forget()


def line(text, font=fonts.DEFAULT, size=40):
    return draw_line(set_line(text, font, size), (0, 0, 0))


def runs(text, font=fonts.DEFAULT):
    return [run.text for run, _ in set_line(text, font, 40).runs]


@pytest.mark.parametrize(
    "text", ["水印图片版权所有", "Hello, 123", "こんにちは", "カタカナ", "、。《》“”…￥％", "Škodałź", "Ωμέγα", "Жук"]
)
def test_every_character_is_drawn_as_itself(no_fonts, text):
    glyphs = {character: line(character) for character in set(text) - {" "}}
    assert len({glyph.tobytes() for glyph in glyphs.values()}) == len(glyphs)
    assert all(glyph.getbbox() for glyph in glyphs.values())


def test_the_packaged_fonts_have_gb_2312_latin_kana_and_punctuation(no_fonts):
    have = [fonts._characters(path, 0) for path in fonts.PACKAGED]
    cells = (bytes((row, cell)) for row in range(0xA1, 0xF8) for cell in range(0xA1, 0xFF))
    gb2312 = {ord(text) for text in (cell.decode("gb2312", "ignore") for cell in cells) if text}
    assert len(gb2312) == 7445
    assert gb2312 <= have[0]
    assert {*range(0x20, 0x7F), *range(0x3041, 0x3097), *range(0x30A1, 0x30FF), *range(0xFF01, 0xFF5F)} <= have[0]
    assert {*range(0xA0, 0x180)} <= have[0] | have[1]


def test_they_are_small_and_their_licence_lies_beside_them():
    assert sum(path.stat().st_size for path in fonts.PACKAGED) < 4_000_000
    licence = fonts.PACKAGED[0].with_name("fonts.OFL.txt").read_text()
    assert "SIL OPEN FONT LICENSE Version 1.1" in licence
    assert all(path.name in licence for path in fonts.PACKAGED)


@pytest.mark.parametrize("name", ["wqy-zenhei", "fangzhengkaiti", "No Such Font"])
def test_a_font_that_is_not_installed_is_stood_in_for_and_a_note_says_so(no_fonts, name):
    answer = made(f"watermark/text_{words('水印')},type_{words(name)}", MAIN)
    packaged = made(f"watermark/text_{words('水印')},type_{words('imgfn Sans')}", MAIN)
    assert answer.body == packaged.body
    assert answer.notes == (STOOD_IN.format(name),)
    assert packaged.notes == ()
    assert ImageChops.difference(Image.open(io.BytesIO(answer.body)).convert("RGB"), MAIN).getbbox()


def test_a_name_that_no_header_can_carry_is_escaped_in_the_note(no_fonts):
    (note,) = made(f"watermark/text_{words('a')},type_{words('微软雅黑' + chr(13) + chr(10) + 'X: y')}", MAIN).notes
    assert note == STOOD_IN.format(r"\u5fae\u8f6f\u96c5\u9ed1\r\nX: y")


@pytest.mark.parametrize(
    ("text", "package"), [("a😀", "fonts-noto-color-emoji"), ("안녕", "fonts-noto-cjk"), ("שלום", "fonts-noto-core")]
)
def test_a_character_that_is_missing_is_refused_with_the_package_that_has_it(no_fonts, text, package):
    with pytest.raises(WatermarkError) as caught:
        set_line(text, fonts.DEFAULT, 40)
    assert package in caught.value.expected


def test_installed_fonts_come_before_the_packaged_ones(tmp_path, monkeypatch):
    (tmp_path / "house.otf").write_bytes(fonts.PACKAGED[1].read_bytes())
    monkeypatch.setattr(fonts, "_folders", (tmp_path,))
    forget()
    try:
        assert fonts.find("house").path == tmp_path / "house.otf"
        assert [face.path.name for face in fonts.fallbacks()] == ["house.otf", *(p.name for p in fonts.PACKAGED)]
        assert fonts.stand_in().path == fonts.PACKAGED[0]
    finally:
        forget()


def test_the_render_processes_can_read_them():
    plan, _ = parse_path(f"watermark/text_{words('水印 Škoda')},type_{words('imgfn Sans')}")
    source = io.BytesIO(file_of(MAIN))
    # Not tmp_path: a unix socket's path has at most 107 bytes.
    with tempfile.TemporaryDirectory(prefix="imgfn-test-") as folder:
        renderer = ProcessRenderer(
            *(Limits(), Path(folder)), processes=1, queue=4, seconds=10, memory_bytes=1 << 30, recycle=50
        )
        try:
            answer = renderer.render(source, len(source.getvalue()), plan, {})
        finally:
            renderer.close()
    assert ImageChops.difference(Image.open(io.BytesIO(answer.body)).convert("RGB"), MAIN).getbbox()
    assert answer.notes == ()


@pytest.mark.parametrize("text", ["水印图片", "Hello 123", "Škoda 水印", "ā​́"])
def test_without_raqm_what_needs_no_shaping_is_drawn_all_the_same(no_fonts, no_raqm, text):
    assert line(text).getbbox()
    assert "".join(runs(text)) == text.replace("​", "")  # a joiner would be a box


def test_without_raqm_letters_stand_in_reading_order_and_a_note_says_that_they_do_not_join(no_raqm, monkeypatch):
    monkeypatch.setattr(fonts, "fallbacks", lambda: (fonts.stand_in(),))
    monkeypatch.setattr(fonts.Face, "has", lambda face, text: True)
    assert runs("abc שלום 12.5 עולם") == ["abc ", "םלוע 12.5 םולש"]
    assert "libfribidi0" in set_line("שלום", "imgfn Sans", 40).notes[0]
    assert set_line("abc", "imgfn Sans", 40).notes == ()
    assert "libfribidi0" in set_line("👨‍👩‍👧", "imgfn Sans", 40).notes[0]


@pytest.mark.hard
def test_the_script_makes_these_very_files(tmp_path):
    sources = [Path("/usr/share/fonts", source) for source in SOURCES]
    if not all(source.exists() for source in sources):
        need("Noto", "apt-get install fonts-noto-cjk fonts-noto-core")
    script = ROOT / "tools" / "cut_font.py"
    subprocess.run([sys.executable, script, tmp_path], check=True, env={"PATH": os.environ["PATH"]})
    for path in fonts.PACKAGED:
        assert (tmp_path / path.name).read_bytes() == path.read_bytes(), path.name
