from django.http import HttpResponse, JsonResponse
from django.urls import path


def hello(request):
    return HttpResponse("Hello, world!", content_type="text/plain")


def items(request, count):
    return JsonResponse(
        {"items": [{"id": number, "name": f"item {number}"} for number in range(count)]}
    )


urlpatterns = [path("hello", hello), path("items/<int:count>", items)]
