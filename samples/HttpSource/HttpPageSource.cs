using System.Net;
using System.Net.Http.Headers;
using Uffd.Paging;

namespace Uffd.Samples;

/// <summary>An image on a web server that answers requests for ranges. docs/sources.md shows it.</summary>
internal sealed class HttpPageSource(HttpClient client, Uri image, ulong length) : IPageSource
{
    public ulong Length => length;

    public int Concurrency => 32; // reads in flight; without it the fault thread would wait for each

    public void Read(ulong offset, Span<byte> destination)
    {
        byte[] buffer = new byte[destination.Length];
        ReadAsync(offset, buffer, CancellationToken.None).AsTask().GetAwaiter().GetResult();
        buffer.CopyTo(destination);
    }

    public async ValueTask ReadAsync(ulong offset, Memory<byte> destination, CancellationToken cancellation)
    {
        int available = offset < length ? (int)Math.Min((ulong)destination.Length, length - offset) : 0;
        destination.Span[available..].Clear(); // behind the end are zeros
        if (available > 0)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, image);
            request.Headers.Range = new RangeHeaderValue((long)offset, (long)offset + available - 1);
            using HttpResponseMessage response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellation);
            if (response.StatusCode != HttpStatusCode.PartialContent)
            {
                throw new IOException($"{image} answered {(int)response.StatusCode}"); // 200 would be the file's beginning
            }

            await using Stream body = await response.Content.ReadAsStreamAsync(cancellation);
            await body.ReadExactlyAsync(destination[..available], cancellation);
        }
    }

    public void Dispose() => client.Dispose();
}
