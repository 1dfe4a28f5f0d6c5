"""The record: a journal that is written before an answer leaves, and the shipper that brings it to the lake."""
