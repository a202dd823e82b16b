# execute
async def main():
    log = []
    try:
        try:
            res = await cloudflare.request("GET", "/zones")
            log.append(res["result"][99]["id"])
        except IndexError as e:
            raise ValueError("too few zones") from e
        finally:
            log.append("inner")
    except ValueError as e:
        log.append(f"{e} / {e.__cause__!r}")
    finally:
        log.append("outer")
    return log
