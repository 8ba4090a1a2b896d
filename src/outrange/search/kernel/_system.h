/* System-specific functions: threads, aligned memory. */

#if defined(_WIN32)
#define WIN32_LEAN_AND_MEAN
#include <malloc.h>
#include <windows.h>
#undef near
#undef far

typedef SRWLOCK mutex;
#define MUTEX_INITIALIZER SRWLOCK_INIT
static void mutex_lock(mutex *m) { AcquireSRWLockExclusive(m); }
static void mutex_unlock(mutex *m) { ReleaseSRWLockExclusive(m); }

typedef HANDLE thread;
typedef struct {
    void *(*run)(void *);
    void *with;
} thread_task;

static DWORD WINAPI thread_main(void *given)
{
    thread_task task = *(thread_task *)given;
    HeapFree(GetProcessHeap(), 0, given);
    task.run(task.with);
    return 0;
}

/* Start a thread; return 1 on success. */
static int thread_start(thread *id, void *(*run)(void *), void *with)
{
    thread_task *task = HeapAlloc(GetProcessHeap(), 0, sizeof *task);
    if (!task) return 0;
    *task = (thread_task){run, with};
    *id = CreateThread(NULL, 0, thread_main, task, 0, NULL);
    if (!*id) HeapFree(GetProcessHeap(), 0, task);
    return *id != NULL;
}

static void thread_join(thread id)
{
    WaitForSingleObject(id, INFINITE);
    CloseHandle(id);
}

/* Windows has a separate function to free aligned memory; all memory here is aligned. */
static void *zeroed(size_t n, size_t each)
{
    void *p = _aligned_malloc(n * each, 64);
    if (p) memset(p, 0, n * each);
    return p;
}
#define malloc(bytes) _aligned_malloc(bytes, 64)
#define calloc(n, each) zeroed(n, each)
#define aligned_alloc(align, bytes) _aligned_malloc(bytes, align)
#define free(p) _aligned_free(p)

#else
#include <pthread.h>

typedef pthread_mutex_t mutex;
#define MUTEX_INITIALIZER PTHREAD_MUTEX_INITIALIZER
static void mutex_lock(mutex *m) { pthread_mutex_lock(m); }
static void mutex_unlock(mutex *m) { pthread_mutex_unlock(m); }

typedef pthread_t thread;

/* Start a thread; return 1 on success. */
static int thread_start(thread *id, void *(*run)(void *), void *with)
{
    return pthread_create(id, NULL, run, with) == 0;
}

static void thread_join(thread id) { pthread_join(id, NULL); }
#endif
