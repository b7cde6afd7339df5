/* How long it takes from the start of a process to its first answer.
 *
 *     first_answer TIMES PROGRAM [ARGUMENT...]
 *
 * Starts PROGRAM again and again, and each time waits for the first byte that it prints. One line of JSON. */
#define _GNU_SOURCE
#include "process.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

int main(int argc, char **argv)
{
    if (argc < 3) return 2;
    printf("{\"us\": [");
    for (int i = 0, times = atoi(argv[1]); i < times; i++) {
        int pipes[2], status;
        char byte;
        pid_t child;
        posix_spawn_file_actions_t actions;
        if (pipe2(pipes, O_CLOEXEC) != 0) return EXIT_FAILURE;
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_adddup2(&actions, pipes[1], STDOUT_FILENO);
        uint64_t begin = now_ns();
        if (posix_spawnp(&child, argv[2], &actions, NULL, argv + 2, environ) != 0) return EXIT_FAILURE;
        close(pipes[1]);
        ssize_t got = read(pipes[0], &byte, 1);
        uint64_t end = now_ns();
        while (read(pipes[0], &byte, 1) > 0) continue;
        close(pipes[0]);
        if (waitpid(child, &status, 0) != child || status != 0 || got != 1) return EXIT_FAILURE;
        posix_spawn_file_actions_destroy(&actions);
        printf("%s%.1f", i > 0 ? ", " : "", (double)(end - begin) / 1e3);
    }
    printf("]}\n");
    return EXIT_SUCCESS;
}
