"""Work that nobody waits for: bucket events, derivatives, backfill, review flows and schedules.

Everything but `engine` is free of the workflow engine, so web workers and functions import it without the extra
`imgfn[flows]`; only `imgfn work` loads `engine`.
"""
