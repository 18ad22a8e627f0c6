"""
A web service that returns labels and probabilities
========================================================

It serves one file of `skbin.export_onnx` and does not need torch::

    pip install "skbin[serve]" starlette uvicorn
    python app.py model.onnx 8000

    curl localhost:8000/predict --data '[{"amount": 90.0, "country": "PL"}]'

Rows are a JSON list of records, or of rows of numbers if the file takes those. If the
file does not take them, the response has status 422 and says what was wrong.
"""

import json
import sys

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse
from starlette.routing import Route

from skbin import load_onnx

MOST_BYTES = 10_000_000
MOST_ROWS = 10_000
FEW_ROWS = 50  # take less time than switching threads


def refusal(status, message):
    return JSONResponse({"error": message}, status_code=status)


async def body_of(request):
    """Read a body; None if it is longer than a service should hold in memory."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MOST_BYTES:
            return None
    return bytes(body)


async def health(request):
    classifier = request.app.state.classifier
    return JSONResponse(
        {
            "status": "ok",
            "classes": classifier.classes_.tolist(),
            "positive_class": classifier.positive_class_,
            "threshold": classifier.threshold,
        }
    )


async def predict(request):
    body = await body_of(request)
    if body is None:
        return refusal(413, f"Send at most {MOST_BYTES} bytes in one request.")
    try:
        rows = json.loads(body)
    except (ValueError, RecursionError) as error:
        return refusal(400, f"The body must be JSON: {error}")
    if not isinstance(rows, list):
        return refusal(422, "The body must be a JSON list of records or of rows.")
    if len(rows) > MOST_ROWS:
        return refusal(413, f"Send at most {MOST_ROWS} rows in one request.")
    classifier = request.app.state.classifier
    try:
        if len(rows) <= FEW_ROWS:
            answer = answer_to(rows, classifier)
        else:
            answer = await run_in_threadpool(answer_to, rows, classifier)
    except ValueError as error:
        return refusal(422, str(error))
    return JSONResponse(answer)


def answer_to(rows, classifier):
    labels, probabilities = classifier.predict(rows), classifier.predict_proba(rows)
    return {"labels": labels.tolist(), "probabilities": probabilities.tolist()}


def make_app(classifier):
    app = Starlette(
        routes=[
            Route("/health", health, methods=["GET"]),
            Route("/predict", predict, methods=["POST"]),
        ]
    )
    app.state.classifier = classifier
    return app


def main():
    path, port = sys.argv[1], int(sys.argv[2])
    uvicorn.run(make_app(load_onnx(path)), port=port, log_level="warning")


if __name__ == "__main__":
    main()
