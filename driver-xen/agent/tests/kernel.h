/* Put before linux_privcmd.c (cc -include): its calls go to a kernel that is not there, kernel.c. */
#ifndef IA64SAVE_AGENT_KERNEL_H
#define IA64SAVE_AGENT_KERNEL_H

#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

int kernel_open(const char *path, int flags);
int kernel_ioctl(int file, unsigned long request, void *argument);
void *kernel_mmap(void *at, size_t length, int protection, int flags, int file, off_t offset);
int kernel_munmap(void *at, size_t length);
long kernel_sysconf(int name);
int kernel_mlock(const void *at, size_t length);

#define open kernel_open
#define ioctl kernel_ioctl
#define mmap kernel_mmap
#define munmap kernel_munmap
#define sysconf kernel_sysconf
#define mlock kernel_mlock

#endif
