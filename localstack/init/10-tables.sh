#!/bin/sh
# Makes the shop's tables, as soon as LocalStack is ready. It calls nothing but commands of
# the shop, which are tested against DynamoDB Local.
set -eu

shop=${SHOP:-/opt/leftfold/shop}
store=${STORE:-dynamodb:shop}

export AWS_ENDPOINT_URL="${AWS_ENDPOINT_URL:-http://localhost:4566}"
export AWS_REGION="${AWS_REGION:-eu-central-1}"
export AWS_ACCESS_KEY_ID="${AWS_ACCESS_KEY_ID:-test}"
export AWS_SECRET_ACCESS_KEY="${AWS_SECRET_ACCESS_KEY:-test}"

if [ ! -x "$shop" ]; then
	echo "$shop is missing: start with \"make localstack\", which builds it" >&2
	exit 1
fi

"$shop" provision --store "$store"
