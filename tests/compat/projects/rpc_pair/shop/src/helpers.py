def text(value):
    return f"shop: {value}"
