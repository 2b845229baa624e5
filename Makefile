# make demo   看一场内置的虚构危机 · watch the bundled crisis (ARGS=--once ends by itself)
# make test   运行全部测试 · run all tests
# make bench  与朴素写法比较 CPU 与内存 · CPU and memory beside the plain ways (ARGS=--small is a quick look)
# make bench-collect  采集:正文、抓取开销、请求间隔、内存 · collecting: full text, cost, pace, memory (ARGS=--small)
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: demo test lint types bench bench-collect train serve clean help
.DEFAULT_GOAL := help

help:
	@sed -n 's/^# make/make/p' Makefile

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "需要 Python 3.11 或更新版本;安装后用 make PYTHON=python3.12 再试 · Python 3.11 or newer is needed: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "缺少 venv 模块:Debian/Ubuntu 请先运行 sudo apt-get install python3-venv · the venv module is missing: sudo apt-get install python3-venv"; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.run: pyproject.toml constraints.txt | $(BIN)/python
	@echo "安装依赖(首次约一分钟) · installing (about a minute the first time)"
	@$(PIP) -e .
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(BIN)/python
	@echo "安装开发依赖 · installing what development needs"
	@$(PIP) -e '.[dev,train]'
	@touch $@ $(VENV)/.run

demo: $(VENV)/.run
	@$(BIN)/monitor demo $(ARGS)

serve: $(VENV)/.run
	@$(BIN)/monitor serve $(ARGS)

test: $(VENV)/.dev
	@$(BIN)/python -m pytest -q $(ARGS)

lint: $(VENV)/.dev
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/lint-imports

types: $(VENV)/.dev
	@$(BIN)/mypy

bench: $(VENV)/.dev
	@$(BIN)/python -m tests.bench $(ARGS)

bench-collect: $(VENV)/.dev
	@$(BIN)/python -m tests.bench.collect $(ARGS)

train: $(VENV)/.dev
	@$(BIN)/python -m analysis.train --data ../shared/data/sentiment --out analysis/data/sentiment.npz

clean:
	@rm -rf $(VENV) .jianwei-demo .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
