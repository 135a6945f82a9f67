"""`./ops init` and `./ops rotate`: a deployment's `.env`, asked for, made and changed."""
