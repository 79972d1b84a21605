/* SPDX-License-Identifier: Apache-2.0
 * Prints what it was given: arguments and environment in hexadecimal, descriptors, signal state.
 * Its last argument may be exit=N, or hang. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern char** environ;

static void print_hex(const char* kind, const char* text) {
    printf("%s ", kind);
    for (; *text; ++text) printf("%02x", (unsigned char)*text);
    printf("\n");
}

static void print_descriptors(void) {
    DIR* directory = opendir("/proc/self/fd");
    struct dirent* entry;
    while (directory && (entry = readdir(directory))) {
        char path[300], target[300] = "";
        if (entry->d_name[0] == '.' || atoi(entry->d_name) == dirfd(directory)) continue;
        snprintf(path, sizeof path, "/proc/self/fd/%s", entry->d_name);
        if (readlink(path, target, sizeof target - 1) < 0) continue;
        printf("fd %s %s\n", entry->d_name, target);
    }
    if (directory) closedir(directory);
}

static void print_signal_state(void) {
    char line[300];
    FILE* status = fopen("/proc/self/status", "r");
    while (status && fgets(line, sizeof line, status)) {
        char* colon = strchr(line, ':');
        if (!colon || (strncmp(line, "Sig", 3) && strncmp(line, "ShdPnd", 6))) continue;
        *colon = ' ';
        fputs(line, stdout);
    }
    if (status) fclose(status);
}

int main(int argc, char** argv) {
    const char* last = argv[argc - 1];
    for (int i = 0; i < argc; ++i) print_hex("arg", argv[i]);
    for (char** entry = environ; *entry; ++entry) print_hex("env", *entry);
    print_descriptors();
    print_signal_state();
    printf("pid %d\n", (int)getpid());
    fflush(stdout);
    if (!strncmp(last, "exit=", 5)) return atoi(last + 5);
    if (!strcmp(last, "hang")) pause();
    return 0;
}
