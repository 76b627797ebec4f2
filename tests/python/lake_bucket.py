"""A bucket as a client that is not ours sees it: `lake_bucket.py ENDPOINT make|fetch|uploads BUCKET [FOLDER]`."""

import os
import sys

import boto3

ENDPOINT, COMMAND, BUCKET = sys.argv[1:4]
s3 = boto3.client(
    "s3", endpoint_url=ENDPOINT, region_name="us-east-1", aws_access_key_id="reader", aws_secret_access_key="reader"
)
if COMMAND == "make":
    s3.create_bucket(Bucket=BUCKET)
elif COMMAND == "fetch":
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET):
        for item in page.get("Contents", []):
            path = os.path.join(sys.argv[4], item["Key"])
            os.makedirs(os.path.dirname(path), exist_ok=True)
            s3.download_file(BUCKET, item["Key"], path)
            print(item["Key"])
elif COMMAND == "uploads":
    for upload in s3.list_multipart_uploads(Bucket=BUCKET).get("Uploads", []):
        print(upload["Key"])
