from django.db import models


class Author(models.Model):
    name = models.CharField(max_length=50, unique=True)


class Post(models.Model):
    author = models.ForeignKey(Author, on_delete=models.CASCADE, related_name="posts")
    title = models.CharField(max_length=100)
    published = models.BooleanField(default=False)
    stars = models.IntegerField(default=0)
