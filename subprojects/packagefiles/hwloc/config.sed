# Fills autoconf's public header: lines of the form "#undef NAME" that we decide; others stay.
s/^#undef HWLOC_VERSION$/#define HWLOC_VERSION "2.9.0"/
s/^#undef HWLOC_VERSION_MAJOR$/#define HWLOC_VERSION_MAJOR 2/
s/^#undef HWLOC_VERSION_MINOR$/#define HWLOC_VERSION_MINOR 9/
s/^#undef HWLOC_VERSION_RELEASE$/#define HWLOC_VERSION_RELEASE 0/
s/^#undef HWLOC_VERSION_GREEK$/#define HWLOC_VERSION_GREEK ""/
s/^#undef HWLOC_LINUX_SYS$/#define HWLOC_LINUX_SYS 1/
s/^#undef HWLOC_HAVE_CPU_SET$/#define HWLOC_HAVE_CPU_SET 1/
s/^#undef hwloc_pid_t$/#define hwloc_pid_t pid_t/
s/^#undef hwloc_thread_t$/#define hwloc_thread_t pthread_t/
s/^#undef HWLOC_SYM_TRANSFORM$/#define HWLOC_SYM_TRANSFORM 0/
s/^#undef HWLOC_SYM_PREFIX$/#define HWLOC_SYM_PREFIX hwloc_/
s/^#undef HWLOC_SYM_PREFIX_CAPS$/#define HWLOC_SYM_PREFIX_CAPS HWLOC_/
s/^#  undef HWLOC_HAVE_STDINT_H$/#  define HWLOC_HAVE_STDINT_H 1/
