// The only program of the tests' guest: does what it is told over the virtio-serial port, one line a command.
//
//   ping                      pong
//   cpus | online             cpus <online>              (online: brings up whatever is plugged, first)
//   memory                    memory <MemTotal, kB>
//   hold <MiB> | free         ok                         (anonymous memory that cannot leave)
//   dirty <MiB> <us>          ok                         (writes and verifies a pattern, page by page, pausing <us> a sweep)
//   check                     sweeps <n> errors <n>
//   where                     where <address>            (physical, of the first page that `dirty` writes)
//   write <text> | read       ok | <text>                (first sector of /dev/vda, past the guest's cache)
//   churn                     ok                         (writes blocks of the first 8 MiB of vda and vdb, without a rest)
//   rest                      ok                         (no more)
//   verify                    errors <n>                 (blocks that are not as they were written last; none written: many)
//   sum                       sum <n>                    (of what lies behind those 8 MiB, on both)
//   ignore-button             ok                         (else the power button powers off)
//   poweroff, reboot, panic   -
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <linux/input.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static volatile uint64_t sweeps, errors;
static volatile int ignore_button;
static size_t dirty_pages;
static uint8_t *volatile dirty_memory;
static unsigned dirty_pause;
static void *held;
static size_t held_bytes;

static int read_text(const char *path, char *text, size_t size) {
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return -1;
  ssize_t n = read(file, text, size - 1);
  close(file);
  if (n < 0) return -1;
  text[n] = 0;
  return 0;
}

static void write_text(const char *path, const char *text) {
  int file = open(path, O_WRONLY | O_CLOEXEC);
  if (file < 0) return;
  if (write(file, text, strlen(text)) < 0) perror(path);
  close(file);
}

static int count_cpus(int bring_up) {
  char path[96], state[8];
  int online = 1;  // cpu0 has no switch
  for (int cpu = 1; cpu < 64; ++cpu) {
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/online", cpu);
    if (read_text(path, state, sizeof state) != 0) continue;
    if (bring_up && state[0] == '0') {
      write_text(path, "1");
      if (read_text(path, state, sizeof state) != 0) continue;
    }
    online += state[0] == '1';
  }
  return online;
}

static uint64_t pattern(size_t page, uint64_t sweep) {
  return (page + 1) * 0x9e3779b97f4a7c15ull + sweep * 0xd1b54a32d192ed03ull;
}

// Every page holds what the last sweep wrote there, or somebody lost a write.
static void *dirty(void *unused) {
  (void)unused;
  uint8_t *memory =
      mmap(NULL, dirty_pages * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (memory == MAP_FAILED) {
    errors = 1000000;
    return NULL;
  }
  dirty_memory = memory;
  for (uint64_t sweep = 0;; ++sweep) {
    for (size_t page = 0; page < dirty_pages; ++page) {
      volatile uint64_t *first = (volatile uint64_t *)(memory + page * 4096);
      volatile uint64_t *last = (volatile uint64_t *)(memory + page * 4096 + 4088);
      uint64_t expected = sweep == 0 ? 0 : pattern(page, sweep - 1);
      if (*first != expected || *last != expected) ++errors;
      *first = pattern(page, sweep);
      *last = pattern(page, sweep);
    }
    sweeps = sweep + 1;
    if (dirty_pause) usleep(dirty_pause);
  }
}

static void *watch_button(void *unused) {
  (void)unused;
  int files[8], count = 0;
  for (int i = 0; i < 8; ++i) {
    char path[32];
    snprintf(path, sizeof path, "/dev/input/event%d", i);
    int file = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (file >= 0) files[count++] = file;
  }
  while (count > 0) {
    for (int i = 0; i < count; ++i) {
      struct input_event event;
      while (read(files[i], &event, sizeof event) == sizeof event) {
        if (event.type == EV_KEY && event.code == KEY_POWER && event.value == 1 && !ignore_button) reboot(RB_POWER_OFF);
      }
    }
    usleep(5000);
  }
  return NULL;
}

// Echoes what comes to TCP port 7.
static void *echo(void *unused) {
  (void)unused;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(7)};
  int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 4) != 0) return NULL;
  for (;;) {
    int peer = accept(listener, NULL, NULL);
    char text[256];
    ssize_t n;
    while (peer >= 0 && (n = read(peer, text, sizeof text)) > 0) {
      if (write(peer, text, (size_t)n) != n) break;
    }
    close(peer);
  }
}

static void start(void *(*work)(void *)) {
  pthread_t thread;
  if (pthread_create(&thread, NULL, work, NULL) == 0) pthread_detach(thread);
}

static int open_port(void) {
  for (;; usleep(2000)) {
    DIR *ports = opendir("/sys/class/virtio-ports");
    struct dirent *entry;
    while (ports && (entry = readdir(ports))) {
      char path[300], name[64];
      snprintf(path, sizeof path, "/sys/class/virtio-ports/%s/name", entry->d_name);
      if (read_text(path, name, sizeof name) != 0 || strncmp(name, "tech.neon.guest.0", 17) != 0) continue;
      snprintf(path, sizeof path, "/dev/%s", entry->d_name);
      int port = open(path, O_RDWR | O_CLOEXEC);
      if (port >= 0) {
        closedir(ports);
        return port;
      }
    }
    if (ports) closedir(ports);
  }
}

static void hold(size_t bytes) {
  if (held) munmap(held, held_bytes);
  held = NULL;
  if (bytes == 0) return;
  held_bytes = bytes;
  held = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  for (size_t at = 0; held != MAP_FAILED && at < bytes; at += 4096) ((volatile char *)held)[at] = 1;
}

// /proc/<pid>/pagemap: eight bytes a page, the frame number in the lowest 55 bits.
static unsigned long long physical(const volatile void *address) {
  uint64_t entry = 0;
  int file = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  if (pread(file, &entry, sizeof entry, (off_t)((uintptr_t)address / 4096 * 8)) != sizeof entry) entry = 0;
  close(file);
  return (entry & ((1ull << 55) - 1)) * 4096;
}

static void disk(const char *text, char *answer, size_t size) {
  static char sector[4096] __attribute__((aligned(4096)));
  int file = open("/dev/vda", (text ? O_RDWR : O_RDONLY) | O_DIRECT | O_CLOEXEC);
  if (file < 0) {
    snprintf(answer, size, "no disk");
    return;
  }
  if (text) {
    memset(sector, 0, sizeof sector);
    snprintf(sector, sizeof sector, "%s", text);
    snprintf(answer, size, write(file, sector, sizeof sector) == sizeof sector && fsync(file) == 0 ? "ok" : "failed");
  } else {
    snprintf(answer, size, "%.100s", read(file, sector, sizeof sector) == sizeof sector ? sector : "failed");
  }
  close(file);
}

// What was written last to each block, in memory: a disk and a memory that do not belong together show.
enum { churned_disks = 2, churned_blocks = 2048, block_size = 4096 };
static const char *const disk_names[churned_disks] = {"/dev/vda", "/dev/vdb"};
static uint32_t written[churned_disks][churned_blocks];
static volatile int churning, churn_rests = 1;
static volatile uint64_t failed_writes;

static void fill(uint64_t *words, int which, uint64_t block, uint32_t turn) {
  for (size_t i = 0; i < block_size / sizeof *words; ++i) words[i] = (pattern(block, turn) ^ (uint64_t)which) + i;
}

static void *churn(void *unused) {
  (void)unused;
  static uint64_t data[block_size / 8] __attribute__((aligned(4096)));
  int files[churned_disks];
  for (int i = 0; i < churned_disks; ++i) files[i] = open(disk_names[i], O_RDWR | O_DIRECT | O_CLOEXEC);
  uint64_t at = 1;
  for (uint32_t turn = 1; churning; ++turn) {
    at = at * 6364136223846793005ull + 1442695040888963407ull;
    int which = (int)(at >> 62 & 1);
    uint64_t block = (at >> 33) % churned_blocks;
    fill(data, which, block, turn);
    if (pwrite(files[which], data, block_size, (off_t)(block * block_size)) != block_size) ++failed_writes;
    else written[which][block] = turn;
  }
  for (int i = 0; i < churned_disks; ++i) {
    fsync(files[i]);
    close(files[i]);
  }
  churn_rests = 1;
  return NULL;
}

static uint64_t count_faults(void) {
  static uint64_t wanted[block_size / 8], found[block_size / 8] __attribute__((aligned(4096)));
  uint64_t faults = failed_writes, blocks = 0;
  for (int which = 0; which < churned_disks; ++which) {
    int file = open(disk_names[which], O_RDONLY | O_DIRECT | O_CLOEXEC);
    for (uint64_t block = 0; block < churned_blocks; ++block) {
      if (written[which][block] == 0) continue;
      ++blocks;
      fill(wanted, which, block, written[which][block]);
      if (pread(file, found, block_size, (off_t)(block * block_size)) != block_size ||
          memcmp(wanted, found, block_size) != 0) {
        ++faults;
      }
    }
    close(file);
  }
  return blocks == 0 ? 1000000 : faults;
}

static uint64_t sum_of_rest(void) {
  static uint64_t data[1 << 17] __attribute__((aligned(4096)));
  uint64_t sum = 0;
  for (int which = 0; which < churned_disks; ++which) {
    int file = open(disk_names[which], O_RDONLY | O_DIRECT | O_CLOEXEC);
    off_t at = (off_t)churned_blocks * block_size;
    ssize_t n;
    while ((n = pread(file, data, sizeof data, at)) > 0) {
      for (ssize_t i = 0; i < n / 8; ++i) sum = sum * 31 + data[i];
      at += n;
    }
    close(file);
  }
  return sum;
}

static void obey(char *line, char *answer, size_t size) {
  unsigned long a = 0, b = 0;
  char text[256] = "";
  snprintf(answer, size, "ok");
  if (!strcmp(line, "ping")) snprintf(answer, size, "pong");
  else if (!strcmp(line, "cpus")) snprintf(answer, size, "cpus %d", count_cpus(0));
  else if (!strcmp(line, "online")) snprintf(answer, size, "cpus %d", count_cpus(1));
  else if (!strcmp(line, "memory")) {
    read_text("/proc/meminfo", text, sizeof text);
    snprintf(answer, size, "memory %lu", strtoul(text + strlen("MemTotal:"), NULL, 10));
  } else if (sscanf(line, "hold %lu", &a) == 1) hold(a << 20);
  else if (!strcmp(line, "free")) hold(0);
  else if (sscanf(line, "dirty %lu %lu", &a, &b) == 2) {
    dirty_pages = a * 256;
    dirty_pause = (unsigned)b;
    start(dirty);
  } else if (!strcmp(line, "check")) {
    snprintf(answer, size, "sweeps %llu errors %llu", (unsigned long long)sweeps, (unsigned long long)errors);
  } else if (!strcmp(line, "where")) {
    snprintf(answer, size, "where %llu", physical(dirty_memory));
  } else if (!strncmp(line, "write ", 6)) disk(line + 6, answer, size);
  else if (!strcmp(line, "read")) disk(NULL, answer, size);
  else if (!strcmp(line, "churn")) {
    if (!churning) {
      churning = 1;
      churn_rests = 0;
      start(churn);
    }
  } else if (!strcmp(line, "rest")) {
    for (churning = 0; !churn_rests;) usleep(1000);
  } else if (!strcmp(line, "verify")) {
    snprintf(answer, size, "errors %llu", (unsigned long long)count_faults());
  } else if (!strcmp(line, "sum")) {
    snprintf(answer, size, "sum %llu", (unsigned long long)sum_of_rest());
  } else if (!strcmp(line, "ignore-button")) ignore_button = 1;
  else if (!strcmp(line, "poweroff")) reboot(RB_POWER_OFF);
  else if (!strcmp(line, "reboot")) reboot(RB_AUTOBOOT);
  else if (!strcmp(line, "panic")) write_text("/proc/sysrq-trigger", "c");
  else snprintf(answer, size, "what?");
}

int main(void) {
  char line[256];
  size_t length = 0;
  start(watch_button);
  start(echo);
  int port = open_port();
  printf("tiny guest ready\n");
  fflush(stdout);
  for (;;) {
    char c;
    ssize_t n = read(port, &c, 1);
    if (n <= 0) {  // nobody at the other end
      usleep(2000);
      length = 0;
      continue;
    }
    if (c != '\n') {
      if (length < sizeof line - 1) line[length++] = c;
      continue;
    }
    char answer[256];
    line[length] = 0;
    length = 0;
    obey(line, answer, sizeof answer - 1);
    strcat(answer, "\n");
    if (write(port, answer, strlen(answer)) < 0) usleep(1000);
  }
}
