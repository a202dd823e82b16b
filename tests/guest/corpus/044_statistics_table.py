# search
import statistics as st

async def main():
    sizes = [len(op.get("parameters", [])) for ops in spec["paths"].values() for op in ops.values()]
    return {
        "mean": round(st.mean(sizes), 2),
        "median": st.median(sizes),
        "stdev": round(st.pstdev(sizes), 3),
        "max": max(sizes),
        "share_without": f"{sum(not s for s in sizes) / len(sizes):.1%}",
    }
