#include "base/metrics.h"

#include "base/limits.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define MAX_LABELS 2

typedef struct {
	const char *name;
	MetricKind kind;
	const char *help;
	const char *labels[MAX_LABELS];
} MetricRow;

#define COUNTER METRIC_KIND_COUNTER
#define GAUGE METRIC_KIND_GAUGE
#define HISTOGRAM METRIC_KIND_HISTOGRAM

/* Every metric, by the conventions of https://prometheus.io/docs/practices/naming/. */
static const MetricRow rows[N_METRICS] = {
	[METRIC_BUILD_INFO] = { "mailsift_build_info", GAUGE, "Version of this program; always 1.",
		{ "version" } },
	[METRIC_START_TIME] = { "process_start_time_seconds", GAUGE,
		"When the process started, in Unix time." },
	[METRIC_CONNECTIONS] = { "mailsift_connections_total", COUNTER, "Connections accepted.",
		{ "listener" } },
	[METRIC_CONNECTIONS_REFUSED] = { "mailsift_connections_refused_total", COUNTER,
		"Connections closed without serving them.", { "reason" } },
	[METRIC_SESSIONS] = { "mailsift_sessions", GAUGE, "Connections that are open now.", { "state" } },
	[METRIC_LOGINS] = { "mailsift_logins_total", COUNTER, "Attempts to log in.",
		{ "mechanism", "outcome" } },
	[METRIC_COMMANDS] = { "mailsift_commands_total", COUNTER, "IMAP commands answered.",
		{ "command", "outcome" } },
	[METRIC_COMMAND_SECONDS] = { "mailsift_command_seconds", HISTOGRAM,
		"Time from the end of a command to its answer.", { "command" } },
	[METRIC_WORKER_QUEUE] = { "mailsift_worker_queue_commands", GAUGE,
		"Commands that wait for a worker." },
	[METRIC_BYTES_READ] = { "mailsift_received_bytes_total", COUNTER, "Bytes from IMAP clients." },
	[METRIC_BYTES_WRITTEN] = { "mailsift_sent_bytes_total", COUNTER, "Bytes to IMAP clients." },
	[METRIC_APPENDS] = { "mailsift_appends_total", COUNTER, "Messages that clients gave to APPEND.",
		{ "outcome" } },
	[METRIC_APPEND_BYTES] = { "mailsift_append_bytes_total", COUNTER, "Bytes of messages appended." },
	[METRIC_ADMITTED] = { "mailsift_messages_admitted_total", COUNTER,
		"Messages that another program delivered into a Maildir." },
	[METRIC_EXPUNGES] = { "mailsift_expunges_total", COUNTER, "Messages expunged." },
	[METRIC_FSYNC_SECONDS] = { "mailsift_fsync_seconds", HISTOGRAM, "Time of one fsync of mail." },
	[METRIC_SEARCHES] = { "mailsift_searches_total", COUNTER, "Searches, also those of SORT and THREAD.",
		{ "outcome" } },
	[METRIC_SEARCH_SECONDS] = { "mailsift_search_seconds", HISTOGRAM,
		"Time of a search, by the slowest way that one of its keys was answered.", { "path" } },
	[METRIC_SEARCH_CANDIDATES] = { "mailsift_search_candidates_total", COUNTER,
		"Messages that the index named in searches." },
	[METRIC_SEARCH_VERIFIED] = { "mailsift_search_verified_total", COUNTER,
		"Messages whose text was compared in the text store." },
	[METRIC_SEARCH_SCANNED_BYTES] = { "mailsift_search_scanned_bytes_total", COUNTER,
		"Bytes of the text store scanned in searches." },
	[METRIC_SEARCH_MESSAGES_READ] = { "mailsift_search_messages_read_total", COUNTER,
		"Messages read from disk and parsed to answer searches, since no index had them." },
	[METRIC_INDEX_DOCUMENTS] = { "mailsift_index_documents", GAUGE, "Messages in the indexes." },
	[METRIC_INDEX_LAG] = { "mailsift_index_lag_messages", GAUGE,
		"Messages that are not in their index yet." },
	[METRIC_INDEX_LAG_SECONDS] = { "mailsift_index_lag_seconds", GAUGE,
		"For how long the oldest of them has been waiting." },
	[METRIC_INDEX_BYTES] = { "mailsift_index_bytes", GAUGE, "Size of the indexes on disk.", { "store" } },
	[METRIC_INDEX_ADDED] = { "mailsift_index_added_total", COUNTER, "Messages indexed." },
	[METRIC_INDEX_REMOVED] = { "mailsift_index_removed_total", COUNTER,
		"Messages removed from indexes." },
	[METRIC_INDEX_FAILURES] = { "mailsift_index_failures_total", COUNTER,
		"Messages that could not be indexed; searches read them from disk.", { "reason" } },
	[METRIC_INDEX_COMMIT_SECONDS] = { "mailsift_index_commit_seconds", HISTOGRAM,
		"Time of one commit of an index." },
	[METRIC_INDEXER_RESTARTS] = { "mailsift_indexer_restarts_total", COUNTER,
		"How often the indexer ended and was started again." },
	[METRIC_REBUILDS] = { "mailsift_index_rebuilds_total", COUNTER, "Rebuilds of an index that ended.",
		{ "outcome" } },
	[METRIC_HTTP_REQUESTS] = { "mailsift_http_requests_total", COUNTER, "HTTP requests answered.",
		{ "route", "status" } },
	[METRIC_HTTP_SECONDS] = { "mailsift_http_request_seconds", HISTOGRAM, "Time of an HTTP request.",
		{ "route" } },
};

/* Upper bounds of all histograms, in microseconds: three a decade, from a search of columns to a scan of
 * an archive. Above the last one is +Inf. */
static const gint64 bounds_us[] = { 100, 250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000,
	500000, 1000000, 2500000, 5000000, 10000000, 30000000, 60000000 };
#define N_BUCKETS (G_N_ELEMENTS(bounds_us) + 1)

struct MetricSeries {
	MetricId metric;
	const char *labels[MAX_LABELS]; /* owned, as long as the metric has labels */
	gint64 value;                   /* atomic; of a histogram the sum */
	guint64 *buckets;               /* of a histogram: N_BUCKETS counters, atomic, not cumulative */
};

/* All series of a metric, in the order of their making. They only ever grow. */
typedef struct {
	GRWLock lock;
	GPtrArray *series; /* of MetricSeries */
	GHashTable *by_labels;
} Family;

static Family families[N_METRICS];
/* Metrics without labels have their series here from the start, and need no lock. */
static MetricSeries *plain[N_METRICS];

static guint n_labels_of(MetricId metric)
{
	guint n = 0;

	while (n < MAX_LABELS && rows[metric].labels[n] != NULL)
		n++;
	return n;
}

static gboolean is_seconds(MetricId metric)
{
	return g_str_has_suffix(rows[metric].name, "_seconds");
}

static guint series_hash(gconstpointer data)
{
	const MetricSeries *series = data;
	guint hash = 0;

	for (guint i = 0; i < MAX_LABELS && series->labels[i] != NULL; i++)
		hash = hash * 31 + g_str_hash(series->labels[i]);
	return hash;
}

static gboolean series_equal(gconstpointer data_a, gconstpointer data_b)
{
	const MetricSeries *a = data_a, *b = data_b;

	return g_strcmp0(a->labels[0], b->labels[0]) == 0 && g_strcmp0(a->labels[1], b->labels[1]) == 0;
}

static MetricSeries *series_new(MetricId metric, const char *const *labels, guint n_labels)
{
	MetricSeries *series = g_new0(MetricSeries, 1);

	series->metric = metric;
	for (guint i = 0; i < n_labels; i++)
		series->labels[i] = g_strdup(labels[i]);
	if (rows[metric].kind == METRIC_KIND_HISTOGRAM)
		series->buckets = g_new0(guint64, N_BUCKETS);
	return series;
}

static void set_constants(void)
{
	static const char *const version[] = { PACKAGE_VERSION };
	static gint64 started_at;

	if (started_at == 0)
		started_at = g_get_real_time();
	metric_series_set(plain[METRIC_START_TIME], started_at);
	metric_series_set(metrics_series_n(METRIC_BUILD_INFO, version, 1), 1);
}

static void initialise(void)
{
	static gsize done;

	if (!g_once_init_enter(&done))
		return;
	for (int metric = 0; metric < N_METRICS; metric++) {
		g_rw_lock_init(&families[metric].lock);
		families[metric].series = g_ptr_array_new();
		families[metric].by_labels = g_hash_table_new(series_hash, series_equal);
		if (n_labels_of((MetricId)metric) == 0) {
			plain[metric] = series_new((MetricId)metric, NULL, 0);
			g_ptr_array_add(families[metric].series, plain[metric]);
		}
	}
	g_once_init_leave(&done, 1);
	set_constants();
}

/* Finds the series, or makes it, under the write lock. */
static MetricSeries *find_or_make(MetricId metric, const MetricSeries *wanted)
{
	Family *family = &families[metric];
	static const char *const other[MAX_LABELS] = { "other", "other" };
	MetricSeries *series = g_hash_table_lookup(family->by_labels, wanted);

	if (series != NULL)
		return series;
	/* The last one is for all that there is no room for. */
	if (family->series->len >= LIMIT_METRIC_SERIES - 1) {
		const MetricSeries rest = { .labels = {
						    other[0], n_labels_of(metric) > 1 ? other[1] : NULL } };
		series = g_hash_table_lookup(family->by_labels, &rest);
		if (series != NULL)
			return series;
		series = series_new(metric, other, n_labels_of(metric));
	} else {
		series = series_new(metric, wanted->labels, n_labels_of(metric));
	}
	g_hash_table_add(family->by_labels, series);
	g_ptr_array_add(family->series, series);
	return series;
}

/* Valid UTF-8 of at most LIMIT_METRIC_LABEL_BYTES; the caller frees it. */
static char *clean_label(const char *label)
{
	gsize len = strlen(label);

	if (len > LIMIT_METRIC_LABEL_BYTES)
		len = LIMIT_METRIC_LABEL_BYTES;
	return g_utf8_make_valid(label, (gssize)len);
}

MetricSeries *metrics_series_n(MetricId metric, const char *const *labels, guint n_labels)
{
	g_assert((guint)metric < N_METRICS && n_labels == n_labels_of(metric));
	initialise();
	if (n_labels == 0)
		return plain[metric];

	MetricSeries wanted = { .metric = metric };
	for (guint i = 0; i < n_labels; i++)
		wanted.labels[i] = labels[i];
	Family *family = &families[metric];
	g_rw_lock_reader_lock(&family->lock);
	MetricSeries *series = g_hash_table_lookup(family->by_labels, &wanted);
	g_rw_lock_reader_unlock(&family->lock);
	if (series != NULL)
		return series;

	char *cleaned[MAX_LABELS] = { NULL };
	for (guint i = 0; i < n_labels; i++)
		wanted.labels[i] = cleaned[i] = clean_label(labels[i]);
	g_rw_lock_writer_lock(&family->lock);
	series = find_or_make(metric, &wanted);
	g_rw_lock_writer_unlock(&family->lock);
	for (guint i = 0; i < n_labels; i++)
		g_free(cleaned[i]);
	return series;
}

void metric_series_add(MetricSeries *series, guint64 n)
{
	g_assert(rows[series->metric].kind == METRIC_KIND_COUNTER);
	__atomic_add_fetch(&series->value, (gint64)n, __ATOMIC_RELAXED);
}

void metric_series_set(MetricSeries *series, gint64 value)
{
	g_assert(rows[series->metric].kind == METRIC_KIND_GAUGE);
	__atomic_store_n(&series->value, value, __ATOMIC_RELAXED);
}

void metric_series_change(MetricSeries *series, gint64 by)
{
	g_assert(rows[series->metric].kind == METRIC_KIND_GAUGE);
	__atomic_add_fetch(&series->value, by, __ATOMIC_RELAXED);
}

void metric_series_observe(MetricSeries *series, gint64 value)
{
	gsize bucket = 0;

	g_assert(rows[series->metric].kind == METRIC_KIND_HISTOGRAM);
	value = MAX(value, 0);
	while (bucket < G_N_ELEMENTS(bounds_us) && value > bounds_us[bucket])
		bucket++;
	__atomic_add_fetch(&series->buckets[bucket], 1, __ATOMIC_RELAXED);
	__atomic_add_fetch(&series->value, value, __ATOMIC_RELAXED);
}

gint64 metric_series_value(const MetricSeries *series)
{
	if (series->buckets == NULL)
		return __atomic_load_n(&series->value, __ATOMIC_RELAXED);
	guint64 n = 0;
	for (gsize i = 0; i < N_BUCKETS; i++)
		n += __atomic_load_n(&series->buckets[i], __ATOMIC_RELAXED);
	return (gint64)n;
}

void metrics_reset(void)
{
	initialise();
	for (int metric = 0; metric < N_METRICS; metric++) {
		Family *family = &families[metric];
		g_rw_lock_reader_lock(&family->lock);
		for (guint i = 0; i < family->series->len; i++) {
			MetricSeries *series = g_ptr_array_index(family->series, i);
			__atomic_store_n(&series->value, 0, __ATOMIC_RELAXED);
			for (gsize b = 0; series->buckets != NULL && b < N_BUCKETS; b++)
				__atomic_store_n(&series->buckets[b], 0, __ATOMIC_RELAXED);
		}
		g_rw_lock_reader_unlock(&family->lock);
	}
	set_constants();
}

/* -- the page: https://prometheus.io/docs/instrumenting/exposition_formats/
 * -------------------------------------- */

static void append_label(GString *out, const char *name, const char *value)
{
	g_string_append_printf(out, "%s=\"", name);
	for (const char *p = value; *p != '\0'; p++) {
		if (*p == '\n') {
			g_string_append(out, "\\n");
			continue;
		}
		if (*p == '"' || *p == '\\')
			g_string_append_c(out, '\\');
		g_string_append_c(out, *p);
	}
	g_string_append_c(out, '"');
}

/* A number in the metric's unit: millionths become a decimal fraction, exactly. */
static void append_number(GString *out, gint64 value, gboolean millionths)
{
	if (!millionths) {
		g_string_append_printf(out, "%" G_GINT64_FORMAT, value);
		return;
	}
	guint64 size = value < 0 ? -(guint64)value : (guint64)value;
	g_string_append_printf(out, "%s%" G_GUINT64_FORMAT, value < 0 ? "-" : "", size / G_USEC_PER_SEC);
	if (size % G_USEC_PER_SEC != 0) {
		g_string_append_printf(out, ".%06u", (guint)(size % G_USEC_PER_SEC));
		while (out->str[out->len - 1] == '0')
			g_string_truncate(out, out->len - 1);
	}
}

/* `NAME_SUFFIX{label="value",le="bound"} `; @bound may be NULL. */
static void append_series_name(
	GString *out, const MetricSeries *series, const char *suffix, const char *bound)
{
	const MetricRow *row = &rows[series->metric];
	guint n_labels = n_labels_of(series->metric);

	g_string_append_printf(out, "%s%s", row->name, suffix);
	if (n_labels > 0 || bound != NULL) {
		g_string_append_c(out, '{');
		for (guint i = 0; i < n_labels; i++) {
			if (i > 0)
				g_string_append_c(out, ',');
			append_label(out, row->labels[i], series->labels[i]);
		}
		if (bound != NULL) {
			if (n_labels > 0)
				g_string_append_c(out, ',');
			append_label(out, "le", bound);
		}
		g_string_append_c(out, '}');
	}
	g_string_append_c(out, ' ');
}

static void append_histogram(GString *out, const MetricSeries *series)
{
	gboolean seconds = is_seconds(series->metric);
	g_autoptr(GString) bound = g_string_new(NULL);
	guint64 n = 0;

	for (gsize i = 0; i < N_BUCKETS; i++) {
		g_string_assign(bound, i < G_N_ELEMENTS(bounds_us) ? "" : "+Inf");
		if (i < G_N_ELEMENTS(bounds_us))
			append_number(bound, bounds_us[i], seconds);
		n += __atomic_load_n(&series->buckets[i], __ATOMIC_RELAXED);
		append_series_name(out, series, "_bucket", bound->str);
		g_string_append_printf(out, "%" G_GUINT64_FORMAT "\n", n);
	}
	append_series_name(out, series, "_sum", NULL);
	append_number(out, __atomic_load_n(&series->value, __ATOMIC_RELAXED), seconds);
	/* The number that the last bucket had, so that both agree whatever happens meanwhile. */
	g_string_append_c(out, '\n');
	append_series_name(out, series, "_count", NULL);
	g_string_append_printf(out, "%" G_GUINT64_FORMAT "\n", n);
}

static void append_head(GString *out, const char *name, const char *type, const char *help)
{
	g_string_append_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static gsize count_open_files(void)
{
	g_autoptr(GDir) dir = g_dir_open("/proc/self/fd", 0, NULL);
	gsize n = 0;

	while (dir != NULL && g_dir_read_name(dir) != NULL)
		n++;
	/* Without the one that is open for counting. */
	return n > 0 ? n - 1 : 0;
}

/* Names and meaning as in Prometheus' own client libraries. What cannot be found out is left out. */
static void append_process(GString *out)
{
	struct rusage usage;
	struct rlimit limit;
	g_autofree char *statm = NULL;
	guint64 virtual_pages = 0, resident_pages = 0;

	if (getrusage(RUSAGE_SELF, &usage) == 0) {
		append_head(out, "process_cpu_seconds_total", "counter", "CPU time, of user and system.");
		g_string_append(out, "process_cpu_seconds_total ");
		append_number(out,
			(gint64)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * G_USEC_PER_SEC +
				usage.ru_utime.tv_usec + usage.ru_stime.tv_usec,
			TRUE);
		g_string_append_c(out, '\n');
	}
	if (g_file_get_contents("/proc/self/statm", &statm, NULL, NULL) &&
		sscanf(statm, "%" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT, &virtual_pages, &resident_pages) ==
			2) {
		guint64 page = (guint64)sysconf(_SC_PAGESIZE);
		append_head(out, "process_virtual_memory_bytes", "gauge", "Address space in use.");
		g_string_append_printf(
			out, "process_virtual_memory_bytes %" G_GUINT64_FORMAT "\n", virtual_pages * page);
		append_head(out, "process_resident_memory_bytes", "gauge",
			"Memory in use, mapped indexes that are in memory included.");
		g_string_append_printf(
			out, "process_resident_memory_bytes %" G_GUINT64_FORMAT "\n", resident_pages * page);
	}
	append_head(out, "process_open_fds", "gauge", "Open file descriptors.");
	g_string_append_printf(out, "process_open_fds %zu\n", count_open_files());
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
		append_head(out, "process_max_fds", "gauge", "How many there may be.");
		g_string_append_printf(
			out, "process_max_fds %" G_GUINT64_FORMAT "\n", (guint64)limit.rlim_cur);
	}
}

void metrics_write(GString *out)
{
	static const char *const types[] = {
		[METRIC_KIND_COUNTER] = "counter",
		[METRIC_KIND_GAUGE] = "gauge",
		[METRIC_KIND_HISTOGRAM] = "histogram",
	};

	initialise();
	for (int metric = 0; metric < N_METRICS; metric++) {
		const MetricRow *row = &rows[metric];
		Family *family = &families[metric];
		append_head(out, row->name, types[row->kind], row->help);
		g_rw_lock_reader_lock(&family->lock);
		for (guint i = 0; i < family->series->len; i++) {
			const MetricSeries *series = g_ptr_array_index(family->series, i);
			if (row->kind == METRIC_KIND_HISTOGRAM) {
				append_histogram(out, series);
				continue;
			}
			append_series_name(out, series, "", NULL);
			append_number(out, metric_series_value(series), is_seconds((MetricId)metric));
			g_string_append_c(out, '\n');
		}
		g_rw_lock_reader_unlock(&family->lock);
	}
	append_process(out);
}
