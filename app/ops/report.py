"""Operations that answer in words."""

import json

from app.core.picture import Report
from app.core.spec import operation
from app.imaging.exif import tags_of
from app.imaging.picture import Picture


@operation()
def info(picture: Picture) -> Report:
    """Size, format, frames and EXIF as JSON, in the shape of OSS.

    Width and height are as stored. It says what the source is, whatever steps stand before it.
    """
    header = picture.header
    facts = {
        "FileSize": len(picture.source.body),
        "Format": header.format.name,
        "FrameCount": header.frames,
        "ImageHeight": header.height,
        "ImageWidth": header.width,
        **tags_of(picture.source.body, header),
    }
    shape = {name: {"value": str(value)} for name, value in facts.items()}
    return Report("application/json", json.dumps(shape, ensure_ascii=False).encode())
