# Sample data of ./bootstrap demo, its generator, and the test that the one comes from the other.
noinst_PROGRAMS += shop_data
shop_data_SOURCES = tests/demo/shop_data.c
dist_check_SCRIPTS += tests/demo/demo_test.sh
TESTS += tests/demo/demo_test.sh
EXTRA_DIST += tests/demo/demo.sh tests/demo/shop.yaml \
	tests/demo/data/customers.csv tests/demo/data/events.jsonl \
	tests/demo/data/orders-2026-01.csv tests/demo/data/orders-2026-02.csv
