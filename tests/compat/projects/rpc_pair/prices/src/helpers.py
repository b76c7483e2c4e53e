def text(value):
    return f"prices: {value}"
