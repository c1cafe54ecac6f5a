"""A local S3 server (moto) for tests, with the bucket `bucket`, and the credentials `key` and `secret`. Prints its address, then
one line per command on its standard input (`done`, or the keys), and exits at the end of the input:

    damage KEY    flips one bit in the middle of an object
    remove KEY    removes an object
    keys          prints the keys, and the number of unfinished uploads
"""

import logging
import sys

import boto3
from moto.server import ThreadedMotoServer

BUCKET = "bucket"


def main():
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    address = "http://{}:{}".format(*server.get_host_and_port())
    client = boto3.client("s3", endpoint_url=address, aws_access_key_id="key", aws_secret_access_key="secret",
                          region_name="us-east-1")
    client.create_bucket(Bucket=BUCKET)
    print(address, flush=True)
    for line in sys.stdin:
        command, _, key = line.strip().partition(" ")
        if command == "damage":
            content = bytearray(client.get_object(Bucket=BUCKET, Key=key)["Body"].read())
            content[len(content) // 2] ^= 1
            client.put_object(Bucket=BUCKET, Key=key, Body=bytes(content))
            print("done", flush=True)
        elif command == "remove":
            client.delete_object(Bucket=BUCKET, Key=key)
            print("done", flush=True)
        elif command == "keys":
            pages = client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
            keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
            pending = client.list_multipart_uploads(Bucket=BUCKET).get("Uploads", [])
            print(" ".join(keys), len(pending), flush=True)
        else:
            sys.exit(f"unknown command: {command}")
    server.stop()


main()
