"""Did it learn: base, adapter and merged model asked the same, and judged in words."""
