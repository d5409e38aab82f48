# Short names for the commands of run.py, which says what each does: python3 run.py --help
PYTHON ?= python3
SURE = $(if $(YES),--yes)

.PHONY: run dev sign-in reset backup restore manage test check bench

run dev sign-in backup check bench:
	@$(PYTHON) run.py $@

reset:
	@$(PYTHON) run.py reset $(SURE)

restore:
	@$(PYTHON) run.py restore $(SURE) "$(FILE)"

manage test:
	@$(PYTHON) run.py $@ $(ARGS)
