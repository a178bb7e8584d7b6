using System.Globalization;
using Uffd.Paging;

namespace Uffd.Daemon;

/// <summary>Records what all clients touch of the image, as one set, and writes it whenever one of them is gone.</summary>
internal sealed class WorkingSetRecording
{
    private readonly string _path;
    private readonly ClientReports _reports;
    private readonly Lock _writing = new();
    private long _written;

    /// <summary>Fails where the file could not be written, and not only when there is something to lose.</summary>
    /// <exception cref="IOException">It cannot be written: says why.</exception>
    public WorkingSetRecording(string path, IPageSource image, ClientReports reports)
    {
        WorkingSetFile.RequireWritable(path);
        _path = path;
        _reports = reports;
        Recorder = new WorkingSetRecorder(image);
    }

    public WorkingSetRecorder Recorder { get; }

    /// <summary>Writes what there is when a client is gone.</summary>
    public void Watch(AddressSpace space) => _ = space.Ended.ContinueWith(_ => Save(), TaskScheduler.Default);

    /// <summary>Writes what there is, if anything was touched since it was written last.</summary>
    public void Save()
    {
        lock (_writing)
        {
            long pages = Recorder.Pages;
            if (pages == _written)
            {
                return;
            }

            try
            {
                WorkingSet set = Recorder.ToWorkingSet();
                WorkingSetFile.Write(_path, set);
                _written = pages;
                string lost = Recorder.LostPages == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $"; {Recorder.LostPages} more are left out, for there are too many runs");
                Tell(string.Create(CultureInfo.InvariantCulture, $"recorded {set.TotalPages} pages in {set.Runs.Count} runs, {Sizes.Format(set.TotalBytes)}: {_path}{lost}"));
            }
            catch (Exception exception) // serving goes on, and so does recording
            {
                Tell($"the working set cannot be written: {exception.Message}");
            }
        }
    }

    private void Tell(string message) => _reports.Report(new DaemonEvent(DaemonEventKind.Notice, message));
}
