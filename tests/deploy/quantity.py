"""Amounts as Kubernetes and as Redis write them."""

import re

_FACTORS = {"": 1, "m": 0.001, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "Ki": 2**10,
            "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
_OF_REDIS = {"": 1, "k": 10**3, "kb": 2**10, "m": 10**6, "mb": 2**20, "g": 10**9, "gb": 2**30}


def of(text):
    """A Kubernetes quantity: 100m, 64Mi, 2."""
    number, unit = re.fullmatch(r"([\d.]+)([a-zA-Z]*)", str(text)).groups()
    return float(number) * _FACTORS[unit]


def of_redis(text):
    """An amount of memory in redis.conf: 200mb."""
    number, unit = re.fullmatch(r"(\d+)([a-z]*)", text.lower()).groups()
    return int(number) * _OF_REDIS[unit]
