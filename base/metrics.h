#pragma once

/* Counters, gauges and histograms of the process, and their page in Prometheus' text format 0.0.4.
 *
 *     metrics_inc(METRIC_COMMANDS, "SEARCH", "ok");
 *     metrics_observe_us(METRIC_SEARCH_SECONDS, g_get_monotonic_time() - started_at, "proven");
 *
 * All metrics are in one table (metrics.c) with name, help, labels and buckets; web only prints the page.
 * Values of labels come from a small set (command names, outcomes), never from clients: a metric has at
 * most LIMIT_METRIC_SERIES combinations, and what is beyond is counted under "other". What is in a label's
 * value is taken as it is (UTF-8 made valid, cut at LIMIT_METRIC_LABEL_BYTES).
 *
 * Numbers are whole. Those of metrics whose name ends in _seconds are microseconds here, and seconds on the
 * page.
 *
 * Thread-safe. A series that exists is found under a read lock and changed by an atomic addition: some
 * tens of nanoseconds. Hot paths may keep the series (metrics_series()) and skip the look-up; a series
 * lives as long as the process. Counters start at 0 with the process and do not survive it. */

#include <glib.h>

G_BEGIN_DECLS

/* Each metric; comment: kind, labels. The table in metrics.c has the rest. */
typedef enum {
	METRIC_BUILD_INFO,          /* gauge, set here: version */
	METRIC_START_TIME,          /* gauge, set here: when the first metric was asked for */
	METRIC_CONNECTIONS,         /* counter: listener ("imap", "imaps") */
	METRIC_CONNECTIONS_REFUSED, /* counter: reason */
	METRIC_SESSIONS,        /* gauge: state ("not_authenticated", "authenticated", "selected", "idle") */
	METRIC_LOGINS,          /* counter: mechanism, outcome ("ok", "failed", "error") */
	METRIC_COMMANDS,        /* counter: command, outcome ("ok", "no", "bad", "aborted") */
	METRIC_COMMAND_SECONDS, /* histogram: command */
	METRIC_WORKER_QUEUE,    /* gauge: commands that wait for a worker */
	METRIC_BYTES_READ,      /* counter: bytes from IMAP clients */
	METRIC_BYTES_WRITTEN,   /* counter: bytes to IMAP clients */
	METRIC_APPENDS,         /* counter: outcome */
	METRIC_APPEND_BYTES,    /* counter */
	METRIC_ADMITTED,        /* counter: messages found in a Maildir that another program delivered */
	METRIC_EXPUNGES,        /* counter: messages */
	METRIC_FSYNC_SECONDS,   /* histogram */
	METRIC_SEARCHES,        /* counter: outcome ("ok", "limit", "aborted", "error") */
	METRIC_SEARCH_SECONDS, /* histogram: path ("metadata", "proven", "verified", "scanned", "messages") */
	METRIC_SEARCH_CANDIDATES,    /* counter: messages that the index named */
	METRIC_SEARCH_VERIFIED,      /* counter: messages whose text in the text store was compared */
	METRIC_SEARCH_SCANNED_BYTES, /* counter: bytes of the text store that were scanned */
	METRIC_SEARCH_MESSAGES_READ, /* counter: messages read from disk and parsed to answer a search */
	METRIC_INDEX_DOCUMENTS,      /* gauge: emails in the indexes */
	METRIC_INDEX_LAG,            /* gauge: emails that no index has yet */
	METRIC_INDEX_LAG_SECONDS,    /* gauge: age of the oldest of them */
	METRIC_INDEX_BYTES,          /* gauge: store ("terms", "text", "vocabulary") */
	METRIC_INDEX_ADDED,          /* counter: emails indexed */
	METRIC_INDEX_REMOVED,        /* counter: emails removed */
	METRIC_INDEX_FAILURES,       /* counter: emails that could not be indexed: reason */
	METRIC_INDEX_COMMIT_SECONDS, /* histogram */
	METRIC_INDEXER_RESTARTS,     /* counter */
	METRIC_REBUILDS,             /* counter: outcome ("ok", "cancelled", "failed") */
	METRIC_HTTP_REQUESTS,        /* counter: route, status */
	METRIC_HTTP_SECONDS,         /* histogram: route */
	N_METRICS
} MetricId;

typedef enum { METRIC_KIND_COUNTER, METRIC_KIND_GAUGE, METRIC_KIND_HISTOGRAM } MetricKind;

/* One combination of label values of one metric. Never freed. */
typedef struct MetricSeries MetricSeries;

/* The series of @metric with these label values, as many as it has labels (asserted), made with value 0 if
 * there is none yet. Always through the macros, which count the values. */
MetricSeries *metrics_series_n(MetricId metric, const char *const *labels, guint n_labels);

/* Adds to a counter. */
void metric_series_add(MetricSeries *series, guint64 n);

/* A gauge: to a value, or up and down. */
void metric_series_set(MetricSeries *series, gint64 value);
void metric_series_change(MetricSeries *series, gint64 by);

/* A histogram: one more value. Negative counts as 0. */
void metric_series_observe(MetricSeries *series, gint64 value);

/* What a counter or gauge stands at; a histogram's number of observations. */
gint64 metric_series_value(const MetricSeries *series);

#define METRIC_LABELS_(...) ((const char *const[]){ NULL __VA_OPT__(, ) __VA_ARGS__ })
#define METRIC_N_LABELS_(...) ((guint)(sizeof METRIC_LABELS_(__VA_ARGS__) / sizeof(char *) - 1))

/* The macros for users; after the fixed arguments come the values of the labels, in the order of the
 * comments above. */
#define metrics_series(metric, ...)                                                                          \
	metrics_series_n((metric), METRIC_LABELS_(__VA_ARGS__) + 1, METRIC_N_LABELS_(__VA_ARGS__))
#define metrics_inc(metric, ...) metric_series_add(metrics_series(metric __VA_OPT__(, ) __VA_ARGS__), 1)
#define metrics_add(metric, n, ...) metric_series_add(metrics_series(metric __VA_OPT__(, ) __VA_ARGS__), (n))
#define metrics_set(metric, value, ...)                                                                      \
	metric_series_set(metrics_series(metric __VA_OPT__(, ) __VA_ARGS__), (value))
#define metrics_change(metric, by, ...)                                                                      \
	metric_series_change(metrics_series(metric __VA_OPT__(, ) __VA_ARGS__), (by))
#define metrics_observe(metric, value, ...)                                                                  \
	metric_series_observe(metrics_series(metric __VA_OPT__(, ) __VA_ARGS__), (value))
#define metrics_observe_us(metric, us, ...) metrics_observe(metric, us __VA_OPT__(, ) __VA_ARGS__)
#define metrics_value(metric, ...) metric_series_value(metrics_series(metric __VA_OPT__(, ) __VA_ARGS__))

/* The Content-Type of the page. */
#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* Appends the page: HELP and TYPE of every metric, and its series. A metric without labels is there from
 * the start, with 0; one with labels from its first use. Also what the kernel says of this process
 * (process_*, as Prometheus' own client libraries name it). */
void metrics_write(GString *out);

/* Forgets all values (not the series). For tests. */
void metrics_reset(void);

G_END_DECLS
