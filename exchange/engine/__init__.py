"""The matching core: deterministic, integer, without clock or I/O; and its plain-Python twin."""
