"""Cron expressions: five fields, checked when the file is loaded."""

from zoneinfo import ZoneInfo


def fault_in_cron(text: str) -> str:
    """What is wrong with a cron expression, in words; empty where nothing is."""
    try:
        from croniter import croniter
    except ImportError:
        return ""  # without the extra no clock runs here

    if len(text.split()) != 5 or not croniter.is_valid(text):
        return f"cron {text!r}; expected minute hour day month weekday, as 30 3 * * *"
    return ""


def fault_in_timezone(name: str) -> str:
    """What is wrong with the name of a time zone, in words; empty where nothing is."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return f"timezone {name!r} is not known; expected an IANA name such as Asia/Shanghai"
    return ""
