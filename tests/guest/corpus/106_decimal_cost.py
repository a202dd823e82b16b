# execute
from decimal import Decimal, ROUND_HALF_UP
from fractions import Fraction

PRICES = {"requests": Decimal("0.30"), "gb": Decimal("0.015")}

async def main():
    zones = (await cloudflare.request("GET", "/zones"))["result"]
    cost = sum((PRICES["requests"] * len(z["name"]) for z in zones), Decimal(0))
    cost = cost.quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)
    return {"cost": cost, "third": float(Fraction(1, 3))}
