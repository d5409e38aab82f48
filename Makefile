# Short names for the commands of run.py, which says what each does: python3 run.py --help
PYTHON ?= python3
SURE = $(if $(YES),--yes)

.PHONY: run dev sign-in reset backup restore manage test check bench bench-search bench-retrieval chaos soak

run dev sign-in backup check:
	@$(PYTHON) run.py $@

reset:
	@$(PYTHON) run.py reset $(SURE)

restore:
	@$(PYTHON) run.py restore $(SURE) "$(FILE)"

bench:
	@$(PYTHON) run.py bench $(ONLY) $(ARGS)

# make bench-retrieval RETRIEVAL_SETS=one.json:another.json asks other sets of questions too.
bench-search bench-retrieval:
	@$(PYTHON) run.py bench $(@:bench-%=%) $(ARGS)

manage test:
	@$(PYTHON) run.py $@ $(ARGS)

# make chaos N=40 SEED=1 SECONDS=150, or make chaos FAULTS=network N=2000
chaos:
	@$(PYTHON) run.py chaos $(if $(FAULTS),--faults $(FAULTS)) $(if $(N),--count $(N)) \
	    $(if $(SEED),--seed $(SEED)) $(if $(SECONDS),--seconds $(SECONDS)) $(ARGS)

soak:
	@$(PYTHON) run.py soak $(if $(MINUTES),--minutes $(MINUTES)) $(if $(SEED),--seed $(SEED)) $(ARGS)
