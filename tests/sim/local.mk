# Simulation of whole pipelines; a plain program, so that it also runs under ThreadSanitizer.
check_PROGRAMS += tests/sim/sim
TESTS += tests/sim/sim
tests_sim_sim_SOURCES = tests/sim/sim.c tests/sim/world.c tests/sim/world.h tests/sim/source.c tests/sim/dest.c
tests_sim_sim_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
tests_sim_sim_LDADD = core/libcore.la
