PAGE = """<!doctype html><html><head><title>Tea &amp; Milk</title>
<meta property="og:title" content="All about tea"><meta property="og:image" content="https://example.com/tea.png">
<meta name="description" content="Leaves in water"></head>
<body><h1 class="big">Tea</h1><p id=lead>First <b>cup</b></p><!-- secret --><a href="http://example.com/x">x</a>
<a href="/y">y</a><script>var a = "<b>";</script></body></html>"""
