import json

from django.db import IntegrityError, connection
from django.db.models import Count, F, Sum
from django.http import HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_POST

from .models import Author, Post


def index(request):
    posts = Post.objects.select_related("author").filter(published=True).order_by("title")
    return render(request, "posts.html", {"posts": posts})


def setup(request):
    with connection.schema_editor() as editor:
        editor.create_model(Author)
        editor.create_model(Post)
    names = sorted(
        name for name in connection.introspection.table_names() if name.startswith("blog_")
    )
    return HttpResponse("tables: " + ", ".join(names), content_type="text/plain")


@require_POST
def posts(request):
    data = json.loads(request.body)
    author, _ = Author.objects.get_or_create(name=data["author"])
    post = Post.objects.create(
        author=author, title=data["title"], published=data.get("published", False)
    )
    return JsonResponse({"id": post.pk, "author": author.pk}, status=201)


def post(request, number):
    found = get_object_or_404(Post, pk=number)
    if request.method == "DELETE":
        found.delete()
        return HttpResponse(status=204)
    Post.objects.filter(pk=number).update(stars=F("stars") + 1)
    found.refresh_from_db()
    return JsonResponse({"title": found.title, "published": found.published, "stars": found.stars})


def stats(request):
    rows = Author.objects.annotate(count=Count("posts"), stars=Sum("posts__stars")).order_by("name")
    return JsonResponse({row.name: [row.count, row.stars] for row in rows})


def fail(request):
    Author.objects.get_or_create(name="Ada")
    try:
        Author.objects.create(name="Ada")
    except IntegrityError as error:
        return HttpResponse(type(error).__name__, status=409)
    return HttpResponse("no error", status=500)
