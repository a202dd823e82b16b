# execute
import logging
import traceback

logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
logger = logging.getLogger(__name__)

async def main():
    logger.info("starting %s", account_id)
    try:
        (await cloudflare.request("GET", "/zones"))["result"]["oops"]
    except TypeError:
        logger.warning("failed: %s", traceback.format_exc(limit=1).splitlines()[-1])
        return "logged"
