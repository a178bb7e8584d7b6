using System.CommandLine.Parsing;
using System.Globalization;
using OpenTelemetry;
using OpenTelemetry.Exporter;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using Uffd.Migration;
using Uffd.Paging;

namespace Uffd.Tool.Telemetry;

/// <summary>
/// The pager's metrics on their way to an OpenTelemetry collector: periodically, and a last time at the end. On a thread of its
/// own, and nothing waits for it but the end of the process, for two seconds.
/// </summary>
internal sealed class OtlpExport : IDisposable
{
    private const string IntervalVariable = "OTEL_METRIC_EXPORT_INTERVAL"; // milliseconds
    private const string ProtocolVariable = "OTEL_EXPORTER_OTLP_PROTOCOL";
    private const int DefaultIntervalMilliseconds = 10_000;
    private const int TimeoutMilliseconds = 2_000;

    private readonly MeterProvider _provider;
    private bool _finished;

    private OtlpExport(MeterProvider provider)
    {
        _provider = provider;
        _ = Task.Run(() => provider.ForceFlush(TimeoutMilliseconds)); // tells at once when nobody answers
    }

    /// <summary>Begins to export.</summary>
    /// <param name="endpoint">Where to; null for nowhere.</param>
    /// <param name="warn">Told one line when an export fails after one that did not, or the first.</param>
    /// <returns>The export, or null where there is no endpoint.</returns>
    public static OtlpExport? Start(string? endpoint, Action<string> warn)
    {
        if (endpoint is null)
        {
            return null;
        }

        bool grpc = string.Equals(Environment.GetEnvironmentVariable(ProtocolVariable), "grpc", StringComparison.Ordinal);
        var options = new OtlpExporterOptions
        {
            Endpoint = Complete(new Uri(endpoint), grpc),
            Protocol = grpc ? OtlpExportProtocol.Grpc : OtlpExportProtocol.HttpProtobuf,
            TimeoutMilliseconds = TimeoutMilliseconds,
        };
        var exporter = new WarningExporter(options, warn);
        return new OtlpExport(Sdk.CreateMeterProviderBuilder()
            .ConfigureResource(resource => resource.AddService("uffd", serviceVersion: typeof(OtlpExport).Assembly.GetName().Version?.ToString(3)))
            .AddMeter(Pager.MeterName)
            .AddMeter(MigrationSource.MeterName)
            .AddReader(new PeriodicExportingMetricReader(exporter, IntervalMilliseconds(), TimeoutMilliseconds))
            .Build());
    }

    /// <summary>The endpoint must be something to connect to.</summary>
    public static void RequireEndpoint(OptionResult result)
    {
        foreach (Token token in result.Tokens)
        {
            if (!Uri.TryCreate(token.Value, UriKind.Absolute, out Uri? endpoint) || endpoint.Scheme is not ("http" or "https") || endpoint.Host.Length == 0)
            {
                result.AddError($"{result.Option.Name} wants a URL such as http://localhost:4318, not '{token.Value}'");
            }
        }
    }

    /// <summary>Exports a last time, for at most two seconds.</summary>
    public void Finish()
    {
        if (!_finished)
        {
            _finished = true;
            _provider.Shutdown(TimeoutMilliseconds);
        }
    }

    /// <summary>Exports a last time and ends.</summary>
    public void Dispose()
    {
        Finish();
        _provider.Dispose();
    }

    /// <summary>A collector's base address, as people write it, gets the path that metrics have there.</summary>
    internal static Uri Complete(Uri endpoint, bool grpc)
        => !grpc && endpoint.AbsolutePath is "" or "/" ? new Uri(endpoint, "v1/metrics") : endpoint;

    private static int IntervalMilliseconds()
        => int.TryParse(Environment.GetEnvironmentVariable(IntervalVariable), NumberStyles.None, CultureInfo.InvariantCulture, out int given) && given > 0
            ? given
            : DefaultIntervalMilliseconds;

    /// <summary>Says once that nobody takes the metrics, and that somebody does again.</summary>
    private sealed class WarningExporter(OtlpExporterOptions options, Action<string> warn) : OtlpMetricExporter(options)
    {
        private readonly Uri _endpoint = options.Endpoint;
        private bool _failing;

        public override ExportResult Export(in Batch<Metric> batch)
        {
            ExportResult result = base.Export(in batch);
            bool failing = result != ExportResult.Success;
            if (failing && !_failing)
            {
                warn($"metrics do not reach {_endpoint}: nobody answers there, or refuses them; serving goes on, and so do the attempts");
            }
            else if (!failing && _failing)
            {
                warn($"metrics reach {_endpoint} again");
            }

            _failing = failing;
            return result;
        }
    }
}
