"""Writes the Parquet files beside this script, as the Hugging Face hub has them (pyarrow 26.0.1)."""

import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

HERE = Path(__file__).parent


def png(grey):
    buffer = io.BytesIO()
    Image.new("L", (2, 1), grey).save(buffer, "PNG")
    return buffer.getvalue()


def write(name, columns, types, features, **options):
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    table = pa.table(columns, schema=pa.schema(list(types.items()), metadata=metadata))
    pq.write_table(table, HERE / name, **options)


image = pa.struct({"bytes": pa.binary(), "path": pa.string()})
names = {"_type": "ClassLabel", "names": ["zebra", "ant", "bee"]}
write(
    "images-zstd.parquet",
    {
        "image": [{"bytes": png(10 * i), "path": f"{i}.png"} for i in range(5)],
        "label": [0, 1, 2, 1, -1],
    },
    {"image": image, "label": pa.int64()},
    {"image": {"_type": "Image"}, "label": names},
    compression="zstd",
    row_group_size=2,
)
write(
    "texts-brotli.parquet",
    {"text": ["one", "zwei", "très"], "emotions": [[0, 2], [], [1]]},
    {"text": pa.string(), "emotions": pa.list_(pa.int64())},
    {"text": {"_type": "Value"}, "emotions": {"_type": "List", "feature": names}},
    compression="brotli",
    data_page_version="2.0",
)
