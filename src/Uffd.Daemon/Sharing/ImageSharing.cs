using Uffd.Paging;

namespace Uffd.Daemon;

/// <summary>The image that clients may share, made when the first of them asks: until then it takes no memory.</summary>
internal sealed class ImageSharing(PagerDaemonOptions options) : IDisposable
{
    private readonly Lock _lock = new();
    private SharedImage? _image;
    private bool _disposed;

    /// <summary>The image, if a client has asked for it.</summary>
    public SharedImage? Offered => _image;

    /// <summary>Makes the image unless it is there.</summary>
    /// <param name="reason">One line that says why there is none, or null.</param>
    public SharedImage? Offer(out string? reason)
    {
        reason = options.ShareImage ? null : "this daemon does not share its image (uffd serve --share would)";
        if (reason is not null)
        {
            return null;
        }

        lock (_lock)
        {
            try
            {
                ObjectDisposedException.ThrowIf(_disposed, this);
                return _image ??= SharedImage.Create(options.Image);
            }
            catch (UffdException exception)
            {
                reason = $"the image cannot be shared: {exception.Message}";
                return null;
            }
        }
    }

    /// <summary>Its memory stays with the clients that have mapped it.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            _disposed = true;
            _image?.Dispose();
        }
    }
}
