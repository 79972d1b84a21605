/* SPDX-License-Identifier: Apache-2.0
 * What fluxpod init runs in its tests. Linked statically, so that it needs nothing of a root.
 *   report N...    says "ready", then every signal that comes; ends with 0 once it has seen each N
 *   nothing        says "ready" and waits for ever, with every signal at its default
 *   once N         says "ready", catches the first N, says "got N", then all signals have defaults
 *   stubborn       the same, but SIGTERM and SIGINT are ignored
 *   orphans N      makes N orphans, ends them all at once when SIGUSR1 comes, then waits
 *   storm          makes orphans that end at once, on and on, and ends with 0 at signal 34, whose
 *                  moment it says (CLOCK_MONOTONIC)
 *   leave KIND     leaves an orphan (nothing, stubborn or stopped) in its own session, ends with 3
 *   tell N         sends N to its parent and ends with 0 when N comes back
 *   die N          ends itself by signal N
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void say(const char* text) {
    if (write(1, text, strlen(text)) < 0) _exit(90);
}

static void block_all(void) {
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
}

static int next_signal(siginfo_t* info) {
    sigset_t all;
    sigfillset(&all);
    int number;
    do number = sigwaitinfo(&all, info);
    while (number < 0 || number == SIGCHLD);
    return number;
}

static int report(int count, char** numbers) {
    char line[64];
    int left = count;
    block_all();
    say("ready\n");
    while (left > 0) {
        siginfo_t info;
        int number = next_signal(&info);
        snprintf(line, sizeof line, "got %d %d\n", number, info.si_value.sival_int);
        say(line);
        for (int i = 0; i < count; ++i) {
            if (atoi(numbers[i]) == number) numbers[i] = "0", --left;
        }
    }
    return 0;
}

static void be_an_orphan(void (*body)(void)) {
    pid_t middle = fork();
    if (middle < 0) _exit(91);
    if (middle != 0) {
        waitpid(middle, NULL, 0);
        return;
    }
    pid_t orphan = fork();
    if (orphan == 0) body();
    _exit(orphan < 0 ? 92 : 0);
}

static int pipe_ends[2];

static void wait_for_the_pipe(void) {
    char byte;
    close(pipe_ends[1]);
    if (read(pipe_ends[0], &byte, 1) < 0) _exit(93);
    _exit(0);
}

static void end_at_once(void) { _exit(0); }

static int orphans(int count) {
    siginfo_t info;
    block_all();
    if (pipe(pipe_ends) != 0) return 94;
    for (int i = 0; i < count; ++i) be_an_orphan(wait_for_the_pipe);
    close(pipe_ends[0]);
    say("ready\n");
    while (next_signal(&info) != SIGUSR1) continue;
    close(pipe_ends[1]);
    say("ended\n");
    while (next_signal(&info) != SIGTERM) continue;
    return 0;
}

static int storm(void) {
    sigset_t all;
    const struct timespec at_once = {0, 0};
    block_all();
    sigfillset(&all);
    sigdelset(&all, SIGCHLD);
    say("ready\n");
    while (sigtimedwait(&all, NULL, &at_once) != 34) be_an_orphan(end_at_once);
    struct timespec now;
    char line[64];
    clock_gettime(CLOCK_MONOTONIC, &now);
    snprintf(line, sizeof line, "%ld.%09ld\n", (long)now.tv_sec, now.tv_nsec);
    say(line);
    return 0;
}

static const char* left_behind;

static void stay(void) {
    setsid();
    if (!strcmp(left_behind, "stubborn")) signal(SIGTERM, SIG_IGN);
    close(pipe_ends[1]);
    if (!strcmp(left_behind, "stopped")) raise(SIGSTOP);
    pause();
    _exit(0);
}

static void say_once(int number) {
    char line[32];
    snprintf(line, sizeof line, "got %d\n", number);
    say(line);
}

int main(int argc, char** argv) {
    const char* what = argc > 1 ? argv[1] : "";
    const int number = argc > 2 ? atoi(argv[2]) : 0;
    if (!strcmp(what, "report")) return report(argc - 2, argv + 2);
    if (!strcmp(what, "orphans")) return orphans(number);
    if (!strcmp(what, "storm")) return storm();
    if (!strcmp(what, "exit")) return number;
    if (!strcmp(what, "die")) {
        const struct rlimit none = {0, 0};
        setrlimit(RLIMIT_CORE, &none);
        signal(number, SIG_DFL);
        raise(number);
        return 95;
    }
    if (!strcmp(what, "tell")) {
        siginfo_t info;
        block_all();
        kill(getppid(), number);
        return next_signal(&info) == number ? 0 : 96;
    }
    if (!strcmp(what, "leave")) {
        char byte;
        left_behind = argv[2];
        if (pipe(pipe_ends) != 0) return 94;
        be_an_orphan(stay);
        close(pipe_ends[1]);
        return read(pipe_ends[0], &byte, 1) == 0 ? 3 : 97; /* once it is as it should be */
    }
    if (!strcmp(what, "once")) {
        struct sigaction action = {.sa_handler = say_once, .sa_flags = (int)SA_RESETHAND};
        sigaction(number, &action, NULL);
    }
    if (!strcmp(what, "stubborn")) {
        signal(SIGTERM, SIG_IGN);
        signal(SIGINT, SIG_IGN);
    }
    say("ready\n");
    for (;;) pause();
}
