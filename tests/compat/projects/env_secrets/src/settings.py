"""What the rest of the program wants to know, read from anywhere."""

from workers import env

HOST = env.API_HOST


def retries() -> int:
    return env.RETRIES + 1
