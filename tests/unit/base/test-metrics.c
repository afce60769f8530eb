#include "base/metrics.h"

#include "base/limits.h"

#include <string.h>

static char *page(void)
{
	GString *out = g_string_new(NULL);

	metrics_write(out);
	return g_string_free(out, FALSE);
}

static gboolean has_line(const char *text, const char *line)
{
	g_autofree char *whole = g_strdup_printf("\n%s\n", line);

	return strstr(text, whole) != NULL;
}

#define assert_line(text, line)                                                                              \
	do {                                                                                                 \
		if (!has_line((text), (line)))                                                               \
			g_error("no line '%s' in:\n%s", (line), (text));                                     \
	} while (0)

static void what_is_counted_is_on_the_page(void)
{
	metrics_reset();
	metrics_inc(METRIC_COMMANDS, "SEARCH", "ok");
	metrics_inc(METRIC_COMMANDS, "SEARCH", "ok");
	metrics_inc(METRIC_COMMANDS, "SEARCH", "bad");
	metrics_inc(METRIC_COMMANDS, "bad", "SEARCH");
	metrics_add(METRIC_APPEND_BYTES, G_GUINT64_CONSTANT(5000000000));
	metrics_set(METRIC_INDEX_LAG, -3);
	metrics_set(METRIC_INDEX_LAG_SECONDS, 1500000);
	metrics_change(METRIC_SESSIONS, 2, "idle");
	metrics_change(METRIC_SESSIONS, -1, "idle");
	g_assert_cmpint(metrics_value(METRIC_COMMANDS, "SEARCH", "ok"), ==, 2);
	g_autofree char *text = page();
	assert_line(text, "# HELP mailsift_commands_total IMAP commands answered.");
	assert_line(text, "# TYPE mailsift_commands_total counter");
	assert_line(text, "mailsift_commands_total{command=\"SEARCH\",outcome=\"ok\"} 2");
	assert_line(text, "mailsift_commands_total{command=\"SEARCH\",outcome=\"bad\"} 1");
	assert_line(text, "mailsift_commands_total{command=\"bad\",outcome=\"SEARCH\"} 1");
	assert_line(text, "mailsift_append_bytes_total 5000000000");
	assert_line(text, "mailsift_index_lag_messages -3");
	assert_line(text, "mailsift_index_lag_seconds 1.5");
	assert_line(text, "mailsift_sessions{state=\"idle\"} 1");
	/* Without labels a metric is there from the start; with labels there is no series that nobody
	 * asked for. */
	assert_line(text, "mailsift_expunges_total 0");
	assert_line(text, "# TYPE mailsift_index_failures_total counter");
	g_assert_null(strstr(text, "mailsift_index_failures_total{"));
	assert_line(text, "mailsift_build_info{version=\"" PACKAGE_VERSION "\"} 1");
	g_assert_nonnull(strstr(text, "\nprocess_resident_memory_bytes "));
	g_assert_nonnull(strstr(text, "\nprocess_open_fds "));
	metrics_reset();
	g_assert_cmpint(metrics_value(METRIC_COMMANDS, "SEARCH", "ok"), ==, 0);
}

static void histograms_are_cumulative(void)
{
	metrics_reset();
	static const gint64 values[] = { -5, 0, 100, 101, 1000, 1001, 60000000, 60000001 };
	for (gsize i = 0; i < G_N_ELEMENTS(values); i++)
		metrics_observe_us(METRIC_FSYNC_SECONDS, values[i]);
	metrics_observe_us(METRIC_SEARCH_SECONDS, 123456, "proven");
	g_assert_cmpint(metrics_value(METRIC_FSYNC_SECONDS), ==, 8);
	g_autofree char *text = page();
	assert_line(text, "# TYPE mailsift_fsync_seconds histogram");
	assert_line(text, "mailsift_fsync_seconds_bucket{le=\"0.0001\"} 3");
	assert_line(text, "mailsift_fsync_seconds_bucket{le=\"0.00025\"} 4");
	assert_line(text, "mailsift_fsync_seconds_bucket{le=\"0.001\"} 5");
	assert_line(text, "mailsift_fsync_seconds_bucket{le=\"0.0025\"} 6");
	assert_line(text, "mailsift_fsync_seconds_bucket{le=\"30\"} 6");
	assert_line(text, "mailsift_fsync_seconds_bucket{le=\"60\"} 7");
	assert_line(text, "mailsift_fsync_seconds_bucket{le=\"+Inf\"} 8");
	assert_line(text, "mailsift_fsync_seconds_sum 120.002203");
	assert_line(text, "mailsift_fsync_seconds_count 8");
	assert_line(text, "mailsift_search_seconds_bucket{path=\"proven\",le=\"0.1\"} 0");
	assert_line(text, "mailsift_search_seconds_bucket{path=\"proven\",le=\"0.25\"} 1");
	assert_line(text, "mailsift_search_seconds_sum{path=\"proven\"} 0.123456");
	assert_line(text, "mailsift_search_seconds_count{path=\"proven\"} 1");
}

static void labels_are_escaped_and_cut(void)
{
	g_autofree char *longest = g_strnfill(LIMIT_METRIC_LABEL_BYTES + 50, 'x');
	g_autofree char *cut = g_strnfill(LIMIT_METRIC_LABEL_BYTES, 'x');

	metrics_reset();
	metrics_inc(METRIC_APPENDS, "a\"b\\c\nd");
	metrics_inc(METRIC_APPENDS, "\xFF");
	metrics_inc(METRIC_APPENDS, longest);
	metrics_inc(METRIC_APPENDS, cut);
	g_autofree char *text = page();
	assert_line(text, "mailsift_appends_total{outcome=\"a\\\"b\\\\c\\nd\"} 1");
	assert_line(text, "mailsift_appends_total{outcome=\"\xEF\xBF\xBD\"} 1");
	g_autofree char *line = g_strdup_printf("mailsift_appends_total{outcome=\"%s\"} 2", cut);
	assert_line(text, line);
	g_assert_true(g_utf8_validate(text, -1, NULL));
}

static void too_many_series_are_one(void)
{
	metrics_reset();
	for (int i = 0; i < LIMIT_METRIC_SERIES + 20; i++) {
		g_autofree char *route = g_strdup_printf("route%d", i);
		metrics_inc(METRIC_HTTP_REQUESTS, route, "200");
	}
	g_autofree char *text = page();
	assert_line(text, "mailsift_http_requests_total{route=\"route0\",status=\"200\"} 1");
	assert_line(text, "mailsift_http_requests_total{route=\"other\",status=\"other\"} 21");
	guint n = 0;
	for (const char *p = text; (p = strstr(p, "mailsift_http_requests_total{")) != NULL; p++)
		n++;
	g_assert_cmpuint(n, ==, LIMIT_METRIC_SERIES);
	/* Those that are there still are. */
	metrics_inc(METRIC_HTTP_REQUESTS, "route0", "200");
	g_assert_cmpint(metrics_value(METRIC_HTTP_REQUESTS, "route0", "200"), ==, 2);
}

static gpointer count_many(gpointer data)
{
	MetricSeries *kept = metrics_series(METRIC_LOGINS, "PLAIN", "ok");

	(void)data;
	for (int i = 0; i < 20000; i++) {
		g_autofree char *command = g_strdup_printf("C%d", i % 40);
		metrics_inc(METRIC_COMMANDS, command, "ok");
		metrics_observe_us(METRIC_COMMAND_SECONDS, i, command);
		metric_series_add(kept, 1);
	}
	return NULL;
}

static void threads_lose_nothing(void)
{
	GThread *threads[4];
	gint64 sum = 0;

	metrics_reset();
	for (gsize i = 0; i < G_N_ELEMENTS(threads); i++)
		threads[i] = g_thread_new("metrics", count_many, NULL);
	for (int i = 0; i < 20; i++)
		g_free(page());
	for (gsize i = 0; i < G_N_ELEMENTS(threads); i++)
		g_thread_join(threads[i]);
	for (int i = 0; i < 40; i++) {
		g_autofree char *command = g_strdup_printf("C%d", i);
		g_assert_cmpint(metrics_value(METRIC_COMMANDS, command, "ok"), ==,
			metrics_value(METRIC_COMMAND_SECONDS, command));
		sum += metrics_value(METRIC_COMMANDS, command, "ok");
	}
	g_assert_cmpint(sum, ==, 80000);
	g_assert_cmpint(metrics_value(METRIC_LOGINS, "PLAIN", "ok"), ==, 80000);
}

/* Every line of the page is a comment or a sample as the format has them, and names keep to Prometheus'
 * conventions. */
static void the_page_keeps_to_the_format(void)
{
	metrics_reset();
	metrics_inc(METRIC_CONNECTIONS, "imap");
	metrics_observe_us(METRIC_HTTP_SECONDS, 7, "/metrics");
	g_autofree char *text = page();
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	g_autoptr(GHashTable) types = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	g_autoptr(GRegex) sample = g_regex_new("^([a-z_]+)(\\{[a-z]+=\"[^\\n]*\"(,[a-z]+=\"[^\\n]*\")*\\})? "
					       "-?[0-9]+(\\.[0-9]+)?$",
		0, 0, NULL);
	g_autofree char *current = NULL;

	for (guint i = 0; lines[i + 1] != NULL; i++) {
		g_auto(GStrv) words = g_strsplit(lines[i], " ", 4);
		if (g_str_has_prefix(lines[i], "# HELP ")) {
			g_assert_true(strlen(words[3]) > 10 && g_str_has_suffix(lines[i], "."));
			g_free(current);
			current = g_strdup(words[2]);
			continue;
		}
		if (g_str_has_prefix(lines[i], "# TYPE ")) {
			g_assert_cmpstr(words[2], ==, current);
			g_assert_true(g_hash_table_add(types, g_strdup(words[2])));
			g_assert_cmpint(
				g_str_has_suffix(current, "_total"), ==, strcmp(words[3], "counter") == 0);
			continue;
		}
		if (!g_regex_match(sample, lines[i], 0, NULL) || !g_str_has_prefix(lines[i], current))
			g_error("no sample: '%s'", lines[i]);
	}
	g_assert_cmpstr(lines[g_strv_length(lines) - 1], ==, "");
	g_assert_cmpuint(g_hash_table_size(types), >=, N_METRICS);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	/* First, while no series has been made that tests leave behind. */
	g_test_add_func("/metrics/what_is_counted_is_on_the_page", what_is_counted_is_on_the_page);
	g_test_add_func("/metrics/histograms_are_cumulative", histograms_are_cumulative);
	g_test_add_func("/metrics/labels_are_escaped_and_cut", labels_are_escaped_and_cut);
	g_test_add_func("/metrics/too_many_series_are_one", too_many_series_are_one);
	g_test_add_func("/metrics/threads_lose_nothing", threads_lose_nothing);
	g_test_add_func("/metrics/the_page_keeps_to_the_format", the_page_keeps_to_the_format);
	return g_test_run();
}
