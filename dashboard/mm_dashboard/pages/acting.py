"""Signing in, and the answers to forms that act."""

from urllib.parse import parse_qsl

from mm_contracts.rovers import canonical_rover
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from mm_dashboard.actions import VERBS
from mm_dashboard.context import context
from mm_dashboard.kube import KubeError
from mm_dashboard.pages import letters
from mm_dashboard.visitors import COOKIE, SECONDS, Refused, same_site

LETTERS = {"replay-letters": "replay", "drop-letters": "drop"}


async def form_of(request: Request) -> dict[str, str]:
    """Return the fields of a form. Raises Refused where it is larger than any of ours."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > 20_000:
            raise Refused(413, "The form is too large.")
    return dict(parse_qsl(body.decode("utf-8", "replace"), max_num_fields=20))


async def sign_in(request: Request) -> Response:
    """Show the form, or let a visitor in who knows the token."""
    parts = context(request)
    back = request.query_params.get("back", "/")
    back = back if back.startswith("/") and not back.startswith(("//", "/\\")) else "/"
    if request.method == "GET":
        return parts.pages.page(request, "sign-in.html", sentence="", back=back)
    try:
        same_site(request)
        form = await form_of(request)
        cookie = parts.door.sign_in(form.get("name", ""), form.get("token", ""))
    except Refused as problem:
        return parts.pages.page(request, "sign-in.html", problem.status, sentence=str(problem), back=back)
    answer = RedirectResponse(back, 303)
    secure = request.url.scheme == "https"
    answer.set_cookie(COOKIE, cookie, SECONDS, httponly=True, samesite="strict", secure=secure)
    return answer


async def sign_out(request: Request) -> Response:
    """Forget a visitor."""
    try:
        same_site(request)
    except Refused as problem:
        return context(request).pages.page(
            request, "trouble.html", problem.status, title="Not done", sentence=str(problem)
        )
    answer = RedirectResponse("/", 303)
    answer.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return answer


async def act(request: Request) -> Response:
    """Carry out what a form asks for, and go to where its effect shows."""
    parts, verb = context(request), request.path_params["verb"]
    try:
        form = await form_of(request)
        visitor = parts.door.check(request, form.get("mark", ""))
        if verb in LETTERS:
            number = await letters.act(parts, LETTERS[verb], form, visitor.name)
            done = "replayed" if verb == "replay-letters" else "dropped"
            return RedirectResponse(f"/letters?done={done}&number={number}", 303)
        if verb not in VERBS:
            raise Refused(404, "There is no such action.")
        if verb == "ask":
            try:
                rover, sol = canonical_rover(form.get("rover", "")), int(form.get("sol", ""))
            except ValueError:
                raise Refused(400, "Name a rover and a sol.") from None
            shown = await parts.actions.ask(rover, sol, visitor.name)
        else:
            shown = await parts.actions.on_plan(verb, form.get("plan", ""), visitor.name)
    except Refused as problem:
        return parts.pages.page(request, "trouble.html", problem.status, title="Not done", sentence=str(problem))
    except KubeError as problem:
        status = problem.status if problem.status in (404, 409, 422) else 502
        return parts.pages.page(request, "trouble.html", status, title="Not done", sentence=str(problem))
    parts.cluster.forget()
    where = "/work" if verb == "delete" else f"/work/plans/{shown}"
    return RedirectResponse(f"{where}?done={verb}", 303)
