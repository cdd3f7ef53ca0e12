// How jemalloc, which the program is linked with, is set (jemalloc(3), "malloc_conf"). An event is
// a handful of allocations that one thread makes and another frees; with the C library's malloc
// they take the relay nearly twice the processor (./dev bench relay-drain, before and after). Few
// arenas, and freed pages given back at once: the relay is to stay small on machines with many
// processors, too. MALLOC_CONF in the environment overrides it.
extern "C" {
extern const char* malloc_conf;
const char* malloc_conf = "narenas:2,dirty_decay_ms:200,muzzy_decay_ms:0,background_thread:true";
}
