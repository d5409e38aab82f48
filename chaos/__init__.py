"""Breaking the whole product on purpose, and comparing what people saw with what is stored.

`make chaos` and `make soak`; `docs/reliability.md` says what each proves.
"""
