"""HTTP/1.1 connections on asyncio, server side and client side: framing, limits, pools; no routing."""
